"""Seats: one claim and one release for every way to them (lifecycles 3)."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.ids import MachineId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License
from keysat_core.domain.machine import (
    Candidate,
    Machine,
    SeatClaim,
    SeatKept,
    SeatRefused,
    Seats,
    SeatTaken,
    claim,
    release,
)
from keysat_core.domain.validation import Valid
from keysat_core.errors import InvariantError
from keysat_core.limits import FINGERPRINT_CHARS_MAX
from keysat_core.signing import fingerprint_hash
from keysat_core.testing import strategies
from keysat_core.testing.ids import SeededIds
from keysat_core.use_cases.machines.deactivate_machine import (
    DeactivateMachine,
    deactivate_machine,
    release_machine,
)
from tests.support.builders import NOW, make_license, make_machine
from tests.support.trade import BUYER, OPERATOR, Trade, open_trade, payload_in

NAMES: Final = ("a", "b", "c", "d")
names = st.sampled_from(NAMES)
caps = st.integers(0, 3)


class Row:
    """A license and its live machines, kept as the store would keep them."""

    def __init__(self, license: License) -> None:
        self.license = license
        self.live: dict[str, Machine] = {}
        self._ids: Iterator[str] = iter(SeededIds("seats").new, "")

    def claim(self, fingerprint: str, now: int = NOW) -> SeatClaim:
        seats = Seats(own=self.live.get(fingerprint), active_count=len(self.live))
        outcome = claim(
            self.license,
            seats,
            Candidate(fingerprint=fingerprint, ip="192.0.2.1"),
            machine_id=MachineId(next(self._ids)),
            now=Instant(now),
        )
        if not isinstance(outcome, SeatRefused):
            self.license = outcome.license
            if outcome.machine is not None:
                self.live[fingerprint] = outcome.machine
        return outcome

    def release(self, fingerprint: str) -> None:
        machine = self.live.pop(fingerprint, None)
        if machine is not None:
            self.license, freed = release(self.license, machine, reason="why", now=NOW)
            assert (freed.deactivated_at, freed.deactivation_reason) == (NOW, "why")
            assert not freed.active


steps = st.lists(st.tuples(st.booleans(), names), max_size=20)


def walk(row: Row, path: list[tuple[bool, str]]) -> None:
    for is_claim, name in path:
        if is_claim:
            row.claim(name)
        else:
            row.release(name)


@given(caps, steps)
def test_no_walk_of_claims_and_releases_seats_more_than_the_cap(
    cap: int, path: list[tuple[bool, str]]
) -> None:
    row = Row(make_license(max_machines=cap))
    walk(row, path)
    if cap:
        assert len(row.live) <= cap
    if cap == 1:
        assert row.license.fingerprint == next(iter(row.live), None)
    else:
        assert row.license.fingerprint is None


@given(caps, steps, names)
def test_claiming_again_keeps_the_same_machine_and_takes_no_seat(
    cap: int, path: list[tuple[bool, str]], name: str
) -> None:
    row = Row(make_license(max_machines=cap))
    walk(row, path)
    first = row.claim(name)
    if isinstance(first, SeatRefused):
        return
    again = row.claim(name, NOW + 5)
    assert isinstance(again, SeatKept)
    assert first.machine is not None
    assert again.machine is not None
    assert again.license == first.license
    assert again.machine == first.machine


@given(caps, steps, names)
def test_a_claim_is_refused_only_when_no_seat_is_free(
    cap: int, path: list[tuple[bool, str]], name: str
) -> None:
    row = Row(make_license(max_machines=cap))
    walk(row, path)
    is_full = cap > 0 and len(row.live) >= cap and name not in row.live
    before = (row.license, dict(row.live))
    outcome = row.claim(name)
    assert isinstance(outcome, SeatRefused) is is_full
    if isinstance(outcome, SeatRefused):
        assert outcome.is_locked is (cap == 1)
        assert (row.license, row.live) == before


@given(steps, names)
def test_an_unlimited_license_never_refuses(path: list[tuple[bool, str]], name: str) -> None:
    row = Row(make_license(max_machines=0))
    walk(row, path)
    assert not isinstance(row.claim(name), SeatRefused)


@given(strategies.instants(), strategies.names(), st.none() | strategies.texts())
def test_a_new_seat_records_the_machine_as_it_described_itself(
    now: Instant, fingerprint: str, hostname: str | None
) -> None:
    license = make_license(max_machines=0)
    candidate = Candidate(fingerprint=fingerprint, hostname=hostname, platform="p", ip="192.0.2.1")
    machine_id = MachineId("m")
    seats = Seats(own=None, active_count=0)
    seat = claim(license, seats, candidate, machine_id=machine_id, now=now)
    assert seat == SeatTaken(
        license=license,
        machine=Machine(
            id=machine_id,
            license_id=license.id,
            fingerprint=fingerprint,
            fingerprint_hash=fingerprint_hash(fingerprint).hex(),
            hostname=hostname,
            platform="p",
            ip_last_seen="192.0.2.1",
            activated_at=now,
            last_heartbeat_at=now,
        ),
    )


@given(st.integers(-100, 100), st.none() | st.just("198.51.100.1"))
def test_a_heartbeat_never_moves_back_and_keeps_the_last_known_address(
    step: int, ip: str | None
) -> None:
    machine = make_machine(ip_last_seen="192.0.2.1")
    beat = Heartbeat(machine_id=machine.id, seen_at=Instant(NOW + step), ip=ip)
    beaten = machine.seen(beat)
    assert beaten.last_heartbeat_at == NOW + max(0, step)
    assert beaten.ip_last_seen == (ip or "192.0.2.1")


def test_a_lock_vouches_for_its_machine_when_older_data_seats_another() -> None:
    license = make_license(max_machines=1, fingerprint="a")
    seats = Seats(own=None, active_count=1)
    seat = claim(license, seats, Candidate(fingerprint="a"), machine_id=MachineId("m"), now=NOW)
    assert seat == SeatKept(machine=None, license=license)


def test_a_lock_without_a_live_machine_is_stale_and_the_seat_is_rebound() -> None:
    row = Row(make_license(max_machines=1, fingerprint="gone"))
    assert isinstance(row.claim("a"), SeatTaken)
    assert row.license.fingerprint == "a"


def test_a_machine_seated_before_locks_were_kept_gets_its_lock_when_seen() -> None:
    row = Row(make_license(max_machines=1))
    row.live["a"] = make_machine(row.license, fingerprint="a")
    assert isinstance(row.claim("b"), SeatRefused)
    assert isinstance(row.claim("a"), SeatKept)
    assert row.license.fingerprint == "a"


def test_releasing_another_machine_leaves_the_lock() -> None:
    license = make_license(max_machines=1, fingerprint="a")
    other = make_machine(license, fingerprint="b")
    kept, _ = release(license, other, reason="x", now=NOW)
    assert kept == license


@pytest.mark.parametrize(
    "fingerprint", ["", "   ", "nul\0", "\ud800", "x" * (FINGERPRINT_CHARS_MAX + 1)]
)
def test_a_machine_without_a_usable_fingerprint_is_no_candidate(fingerprint: str) -> None:
    with pytest.raises(InvariantError):
        Candidate(fingerprint=fingerprint)


# --- through the use cases ----------------------------------------------------------------------


def free_as_client(trade: Trade, key: str, fingerprint: str) -> None:
    command = DeactivateMachine(
        payload=payload_in(key), candidate=Candidate(fingerprint=fingerprint)
    )
    assert deactivate_machine(BUYER, command, store=trade.store, clock=trade.clock, ids=trade.ids)


def free_as_operator(trade: Trade, key: str, fingerprint: str) -> None:
    rows = trade.machines(trade.licenses()[0].id)
    (machine,) = [row.machine for row in rows if row.machine.fingerprint == fingerprint]
    release_machine(
        OPERATOR, machine.id, reason=None, store=trade.store, clock=trade.clock, ids=trade.ids
    )


@pytest.mark.parametrize("free", [free_as_client, free_as_operator])
def test_a_freed_single_seat_can_be_taken_by_another_machine(
    free: Callable[[Trade, str, str], None],
) -> None:
    trade = open_trade()
    key = trade.issue(max_machines=1).key
    assert isinstance(trade.validate(key, "a").verdict, Valid)
    assert not isinstance(trade.validate(key, "b").verdict, Valid)
    free(trade, key, "a")
    assert isinstance(trade.validate(key, "b").verdict, Valid)
    assert not isinstance(trade.validate(key, "a").verdict, Valid)
    assert trade.licenses()[0].fingerprint == "b"


@settings(max_examples=40, deadline=None)
@given(cap=caps, path=st.lists(st.tuples(st.booleans(), names), max_size=8), name=names)
def test_activation_and_validation_agree_on_who_is_admitted(
    cap: int, path: list[tuple[bool, str]], name: str
) -> None:
    """The same walk by validation alone and by activation alone ends with the same answers."""
    by_validation, by_activation = open_trade(), open_trade()
    keys = [trade.issue(max_machines=cap).key for trade in (by_validation, by_activation)]
    for is_claim, each in path:
        if is_claim:
            admitted = isinstance(by_validation.validate(keys[0], each).verdict, Valid)
            assert admitted is (by_activation.activate(keys[1], each).reason is None)
        else:
            for trade, key in zip((by_validation, by_activation), keys, strict=True):
                command = DeactivateMachine(
                    payload=payload_in(key), candidate=Candidate(fingerprint=each)
                )
                deactivate_machine(
                    BUYER, command, store=trade.store, clock=trade.clock, ids=trade.ids
                )
    assert isinstance(by_validation.validate(keys[0], name).verdict, Valid) is (
        by_validation.activate(keys[0], name).reason is None
    )
    assert (by_activation.activate(keys[1], name).reason is None) is isinstance(
        by_activation.validate(keys[1], name).verdict, Valid
    )
    live = [
        {row.machine.fingerprint for row in trade.machines(trade.licenses()[0].id)}
        for trade in (by_validation, by_activation)
    ]
    assert live[0] == live[1]
    events = [
        [event.event_type for event in trade.events()] for trade in (by_validation, by_activation)
    ]
    assert events[0] == events[1]
    assert by_validation.licenses()[0].fingerprint == by_activation.licenses()[0].fingerprint
