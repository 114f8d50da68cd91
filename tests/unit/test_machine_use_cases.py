"""Machines: activated, seen, deactivated by the software or by the operator, listed."""

from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.domain.listing import MachineFilter
from keysat_core.domain.machine import Candidate, Machine
from keysat_core.errors import InvariantError, NotFound
from keysat_core.limits import HEARTBEAT_SECONDS, REASON_CHARS_MAX
from keysat_core.testing.clock import START
from keysat_core.use_cases.licenses.change_license_status import suspend_license
from keysat_core.use_cases.machines.activate_machine import ActivateMachine, activate_machine
from keysat_core.use_cases.machines.deactivate_machine import (
    DeactivateMachine,
    deactivate_machine,
    release_machine,
)
from keysat_core.use_cases.machines.fold_heartbeats import fold_heartbeats
from keysat_core.use_cases.machines.heartbeat_machine import (
    HeartbeatAnswer,
)
from keysat_core.use_cases.machines.list_machines import list_machines
from tests.support.builders import make_machine, make_product
from tests.support.trade import BUYER, OPERATOR, Trade, data_of, open_trade, payload_in
from tests.support.watched_store import Killed, WatchedStore


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def beat(trade: Trade, key: str, fingerprint: str) -> HeartbeatAnswer:
    return trade.beat(key, fingerprint)


def fold(trade: Trade) -> int:
    return fold_heartbeats(store=trade.store, heartbeats=trade.heartbeats)


def deactivate(
    trade: Trade, key: str, fingerprint: str, reason: str | None = None
) -> Machine | None:
    command = DeactivateMachine(
        payload=payload_in(key), candidate=Candidate(fingerprint=fingerprint), reason=reason
    )
    return deactivate_machine(BUYER, command, store=trade.store, clock=trade.clock, ids=trade.ids)


def release(trade: Trade, machine_id: MachineId, reason: str | None = None) -> Machine:
    return release_machine(
        OPERATOR,
        machine_id,
        reason=reason,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
    )


def suspend(trade: Trade, license_id: LicenseId) -> None:
    suspend_license(
        OPERATOR, license_id, reason=None, store=trade.store, clock=trade.clock, ids=trade.ids
    )


# --- activate -----------------------------------------------------------------------------------


def test_an_activated_machine_has_a_seat_that_is_audited_and_told(trade: Trade) -> None:
    issued = trade.issue(max_machines=2)
    candidate = Candidate(fingerprint="a", hostname="host", platform="linux", ip="192.0.2.9")
    answer = activate_machine(
        BUYER,
        ActivateMachine(payload=payload_in(issued.key), candidate=candidate),
        store=trade.store,
        facts=trade.facts,
        heartbeats=trade.heartbeats,
        clock=trade.clock,
        ids=trade.ids,
    )
    assert (answer.reason, answer.active_count, answer.max_machines) == (None, 1, 2)
    (row,) = trade.machines(issued.license.id)
    assert (row.machine.id, row.machine.hostname) == (answer.machine_id, "host")
    assert (row.machine.platform, row.machine.ip_last_seen) == ("linux", "192.0.2.9")
    (audit,) = trade.audits("machine.activate")
    assert (audit.target_id, audit.details) == (
        answer.machine_id,
        {"license_id": issued.license.id},
    )
    (event,) = trade.events("machine.activated")
    assert data_of(event) == {
        "license_id": issued.license.id,
        "machine_id": answer.machine_id,
        "fingerprint_hash": row.machine.fingerprint_hash,
    }


def test_activating_again_keeps_the_seat_and_notes_that_it_was_seen(trade: Trade) -> None:
    key = trade.issue(max_machines=1).key
    first = trade.activate(key, "a")
    trade.clock.advance(100)
    again = trade.activate(key, "a")
    assert (again.machine_id, again.active_count, again.reason) == (first.machine_id, 1, None)
    (row,) = trade.machines(trade.licenses()[0].id)
    assert row.machine.last_heartbeat_at == trade.clock.now()
    assert len(trade.events("machine.activated")) == 1


def test_a_full_license_says_how_many_machines_it_has(trade: Trade) -> None:
    for cap in (1, 2):
        key = trade.issue(max_machines=cap).key
        for number in range(cap):
            trade.activate(key, f"m{number}")
        answer = trade.activate(key, "late")
        assert (answer.reason, answer.machine_id) == ("too_many_machines", None)
        assert (answer.active_count, answer.max_machines) == (cap, cap)


def test_a_license_that_does_not_stand_seats_nobody(trade: Trade) -> None:
    suspended = trade.issue(max_machines=3)
    suspend(trade, suspended.license.id)
    expired = trade.issue(expires_at=START, max_machines=3)
    for key, reason in ((suspended.key, "suspended"), (expired.key, "expired")):
        answer = trade.activate(key, "a")
        assert (answer.reason, answer.active_count, answer.max_machines) == (reason, 0, 3)
    in_grace = trade.issue(expires_at=START, grace_seconds=9)
    assert trade.activate(in_grace.key, "a").reason is None


def test_activation_sets_the_lock_of_a_single_seat(trade: Trade) -> None:
    issued = trade.issue(max_machines=1)
    trade.activate(issued.key, "a")
    assert trade.license(issued.license.id).fingerprint == "a"


def test_a_lock_without_a_machine_of_its_own_is_answered_without_one(trade: Trade) -> None:
    issued = trade.issue(max_machines=1)
    with trade.store.writing() as tx:
        tx.licenses.put_license(issued.license.bind("a"))
        tx.machines.put_machine(make_machine(issued.license, fingerprint="b"))
    answer = trade.activate(issued.key, "a")
    assert (answer.reason, answer.machine_id, answer.active_count) == (None, None, 1)


def test_a_key_of_a_deleted_license_activates_nothing(trade: Trade) -> None:
    key = trade.issue().key
    with trade.store.writing() as tx:
        tx.removals.remove_product(trade.shop.product.id)
    with pytest.raises(NotFound):
        trade.activate(key, "a")
    assert beat(trade, key, "a") == HeartbeatAnswer(reason="not_activated")
    assert deactivate(trade, key, "a") is None


# --- heartbeat ----------------------------------------------------------------------------------


def test_a_heartbeat_is_written_at_most_once_a_minute(trade: Trade) -> None:
    issued = trade.issue()
    seat = trade.activate(issued.key, "a")
    watched = WatchedStore(trade.store)
    trade.store = watched
    for step, noted in ((1, START + 1), (HEARTBEAT_SECONDS - 2, START + 1), (1, START + 60)):
        trade.clock.advance(step)
        assert beat(trade, issued.key, "a") == HeartbeatAnswer(machine_id=seat.machine_id)
        (row,) = trade.machines(issued.license.id)
        assert row.machine.last_heartbeat_at == noted
        assert row.machine.ip_last_seen == BUYER.request_ip
    assert watched.steps == []


def test_a_heartbeat_of_a_license_that_does_not_stand_counts_for_nothing(trade: Trade) -> None:
    issued = trade.issue(expires_at=START + 500)
    trade.activate(issued.key, "a")
    trade.clock.advance(500)
    assert beat(trade, issued.key, "a") == HeartbeatAnswer(reason="expired")
    suspend(trade, issued.license.id)
    assert beat(trade, issued.key, "a") == HeartbeatAnswer(reason="suspended")
    (row,) = trade.machines(issued.license.id)
    assert row.machine.last_heartbeat_at == START


def test_a_machine_without_a_seat_is_told_so(trade: Trade) -> None:
    key = trade.issue().key
    assert beat(trade, key, "a") == HeartbeatAnswer(reason="not_activated")


def test_folded_heartbeats_are_in_the_rows_and_nowhere_else(trade: Trade) -> None:
    issued = trade.issue(max_machines=0)
    for name in "abc":
        trade.activate(issued.key, name)
    trade.clock.advance(HEARTBEAT_SECONDS)
    for name in "ab":
        beat(trade, issued.key, name)
    trade.heartbeats.flush()
    assert fold(trade) == 2
    assert fold(trade) == 0
    with trade.store.reading() as tx:
        rows = tx.machines.list_machines(MachineFilter())
    assert {row.machine.fingerprint: row.machine.last_heartbeat_at for row in rows} == {
        "a": START + 60,
        "b": START + 60,
        "c": START,
    }
    assert trade.heartbeats.last_seen([row.machine.id for row in rows]) == {}


def test_a_fold_that_dies_after_its_commit_is_done_again_without_harm(trade: Trade) -> None:
    issued = trade.issue()
    trade.activate(issued.key, "a")
    trade.clock.advance(HEARTBEAT_SECONDS)
    beat(trade, issued.key, "a")
    trade.heartbeats.flush()
    whole, trade.store = trade.store, WatchedStore(trade.store, dies_at=3)
    with pytest.raises(Killed):
        fold(trade)
    trade.store = whole
    trade.clock.advance(HEARTBEAT_SECONDS)
    beat(trade, issued.key, "a")
    trade.heartbeats.flush()
    assert fold(trade) == 1
    (row,) = trade.machines(issued.license.id)
    assert row.machine.last_heartbeat_at == START + 2 * HEARTBEAT_SECONDS


def test_a_machine_freed_meanwhile_keeps_the_time_it_was_freed_with(trade: Trade) -> None:
    issued = trade.issue()
    trade.activate(issued.key, "a")
    trade.clock.advance(HEARTBEAT_SECONDS)
    beat(trade, issued.key, "a")
    deactivate(trade, issued.key, "a")
    trade.heartbeats.flush()
    assert fold(trade) == 1
    (row,) = trade.machines(issued.license.id, live_only=False)
    assert row.machine.last_heartbeat_at == START


# --- deactivate and release ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (None, "client_requested"),
        ("  ", "client_requested"),
        ("moving", "moving"),
        ("x" * 9_999, "x" * REASON_CHARS_MAX),
    ],
)
def test_the_software_frees_its_own_seat_and_may_say_why(
    trade: Trade, sent: str | None, kept: str
) -> None:
    issued = trade.issue(max_machines=1)
    trade.activate(issued.key, "a")
    trade.clock.advance(5)
    freed = deactivate(trade, issued.key, "a", sent)
    assert freed is not None
    assert (freed.deactivated_at, freed.deactivation_reason) == (trade.clock.now(), kept)
    assert trade.machines(issued.license.id) == []
    (row,) = trade.machines(issued.license.id, live_only=False)
    assert row.machine == freed
    assert trade.license(issued.license.id).fingerprint is None
    (event,) = trade.events("machine.deactivated")
    assert data_of(event) == {
        "license_id": issued.license.id,
        "machine_id": freed.id,
        "reason": kept,
    }
    assert trade.audits("machine.deactivate")[0].details == {
        "license_id": issued.license.id,
        "reason": kept,
    }
    assert deactivate(trade, issued.key, "a") is None
    assert len(trade.events("machine.deactivated")) == 1


def test_a_seat_is_freed_whatever_the_state_of_its_license(trade: Trade) -> None:
    issued = trade.issue()
    trade.activate(issued.key, "a")
    suspend(trade, issued.license.id)
    assert deactivate(trade, issued.key, "a") is not None


def test_an_operator_frees_a_seat_once_and_the_lock_goes_with_it(trade: Trade) -> None:
    issued = trade.issue(max_machines=1)
    seat = trade.activate(issued.key, "a")
    assert seat.machine_id is not None
    freed = release(trade, seat.machine_id)
    assert freed.deactivation_reason == "admin deactivate"
    assert trade.license(issued.license.id).fingerprint is None
    before = trade.trail()
    for machine_id in (seat.machine_id, MachineId("unknown")):
        with pytest.raises(NotFound):
            release(trade, machine_id)
    assert trade.trail() == before


# --- list ---------------------------------------------------------------------------------------


def test_machines_are_listed_by_license_product_id_or_slug(trade: Trade) -> None:
    other = make_product()
    with trade.store.writing() as tx:
        tx.products.put_product(other)
    one = trade.issue(max_machines=0, buyer_email="b@example.com")
    trade.activate(one.key, "a")
    trade.clock.advance(5)
    trade.activate(one.key, "b")
    deactivate(trade, one.key, "a")

    def listed(slug: str | None = None, **criteria: Any) -> list[str]:
        page = list_machines(
            OPERATOR,
            MachineFilter(**criteria),
            product_slug=slug,
            store=trade.store,
            heartbeats=trade.heartbeats,
        )
        assert page.total.is_exact
        return [row.machine.fingerprint for row in page.rows]

    assert listed() == listed(slug=trade.shop.product.slug) == ["b"]
    assert listed(is_inactive_included=True) == ["b", "a"]
    assert listed(slug=other.slug) == []
    assert listed(slug="unknown", product_id=trade.shop.product.id) == ["b"]
    assert listed(license_id=one.license.id, limit=1, offset=1, is_inactive_included=True) == ["a"]
    with pytest.raises(NotFound):
        listed(slug="unknown")
    with pytest.raises(InvariantError):
        MachineFilter(limit=5_001)
    (row,) = trade.machines(one.license.id)
    assert (row.product_slug, row.buyer_email) == (trade.shop.product.slug, "b@example.com")
    assert msgspec.structs.asdict(row)["license_status"] == "active"
