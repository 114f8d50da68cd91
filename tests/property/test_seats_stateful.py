"""Seats through the use cases on a real store, in any order (lifecycles 3)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from keysat_core.domain.ids import MachineId
from keysat_core.domain.license import License, LicenseStatus, Standing
from keysat_core.domain.machine import Candidate
from keysat_core.domain.validation import Refused, Valid
from keysat_core.errors import NotFound
from keysat_core.limits import HEARTBEAT_SECONDS
from keysat_core.testing.clock import START
from keysat_core.use_cases.licenses.change_license_status import (
    reinstate_license,
    revoke_license,
    suspend_license,
)
from keysat_core.use_cases.machines.deactivate_machine import (
    DeactivateMachine,
    deactivate_machine,
    release_machine,
)
from keysat_core.use_cases.machines.fold_heartbeats import fold_heartbeats
from tests.support.trade import BUYER, OPERATOR, data_of, open_trade, payload_in
from tests.support.watched_store import WatchedStore

ENDS_AT: Final = START + 600
GRACE: Final = 300

Change = Callable[..., object]
CHANGES: Final[dict[Change, LicenseStatus]] = {
    suspend_license: LicenseStatus.SUSPENDED,
    reinstate_license: LicenseStatus.ACTIVE,
}

fingerprints = st.sampled_from(["a", "b", "c", "d"])


@dataclass(kw_only=True)
class Sold:
    """What the model knows of a license: nothing of how seats are stored."""

    license: License
    key: str
    cap: int
    ends: bool
    status: LicenseStatus = LicenseStatus.ACTIVE
    seated: dict[str, str] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    activations: int = 0
    deactivations: int = 0

    def standing(self, now: int) -> Standing:
        if self.status is not LicenseStatus.ACTIVE:
            return Standing(self.status)
        if not self.ends or now < ENDS_AT:
            return Standing.VALID
        return Standing.GRACE if now < ENDS_AT + GRACE else Standing.EXPIRED

    def admits(self, fingerprint: str) -> bool:
        return not self.cap or fingerprint in self.seated or len(self.seated) < self.cap


class SeatMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.trade = open_trade()
        self.sold = [self.sell(cap, ends=ends) for cap in (0, 1, 2, 3) for ends in (False, True)]
        self.watched = WatchedStore(self.trade.store)
        self.trade.store = self.watched

    def sell(self, cap: int, *, ends: bool) -> Sold:
        issued = self.trade.issue(
            max_machines=cap, expires_at=ENDS_AT if ends else None, grace_seconds=GRACE
        )
        return Sold(license=issued.license, key=issued.key, cap=cap, ends=ends)

    licenses = st.integers(0, 7)

    # --- claims ---------------------------------------------------------------------------------

    @rule(which=licenses, fingerprint=fingerprints)
    def validate(self, which: int, fingerprint: str) -> None:
        sold, before = self.sold[which], len(self.watched.writes)
        answer = self.trade.validate(sold.key, fingerprint)
        refusal = self.expected_refusal(sold, fingerprint, full_single="fingerprint_mismatch")
        if refusal is not None:
            assert isinstance(answer.verdict, Refused)
            assert answer.verdict.reason == refusal
            assert len(self.watched.writes) == before
            return
        assert isinstance(answer.verdict, Valid)
        is_in_grace = sold.standing(self.trade.clock.now()) is Standing.GRACE
        assert answer.verdict.is_in_grace is is_in_grace
        assert answer.verdict.claim is not None
        assert answer.verdict.claim.machine is not None
        self.seat(sold, fingerprint, answer.verdict.claim.machine.id, before)
        assert answer.active_machines == len(sold.seated)

    @rule(which=licenses, fingerprint=fingerprints)
    def activate(self, which: int, fingerprint: str) -> None:
        sold, before = self.sold[which], len(self.watched.writes)
        answer = self.trade.activate(sold.key, fingerprint)
        refusal = self.expected_refusal(sold, fingerprint, full_single="too_many_machines")
        assert answer.reason == refusal
        assert answer.max_machines == sold.cap
        if refusal is not None:
            assert answer.machine_id is None
            assert len(self.watched.writes) == before
            return
        assert answer.machine_id is not None
        self.seat(sold, fingerprint, answer.machine_id, before)
        assert answer.active_count == len(sold.seated)

    def expected_refusal(self, sold: Sold, fingerprint: str, *, full_single: str) -> str | None:
        state = sold.standing(self.trade.clock.now())
        if state not in {Standing.VALID, Standing.GRACE}:
            return state
        if sold.admits(fingerprint):
            return None
        return full_single if sold.cap == 1 else "too_many_machines"

    def seat(self, sold: Sold, fingerprint: str, machine_id: str, before: int) -> None:
        """Note a claim that was granted; one for a seated machine takes nothing and tells nothing."""
        now = self.trade.clock.now()
        if fingerprint in sold.seated:
            assert sold.seated[fingerprint] == machine_id
            assert self.watched.writes[before:] == []
            sold.seen[fingerprint] = max(now, sold.seen[fingerprint])
            return
        assert machine_id not in sold.seated.values()
        sold.seated[fingerprint] = machine_id
        sold.seen[fingerprint] = now
        sold.activations += 1

    @rule(which=licenses)
    def validate_without_a_fingerprint(self, which: int) -> None:
        sold, before = self.sold[which], len(self.watched.writes)
        verdict = self.trade.validate(sold.key).verdict
        state = sold.standing(self.trade.clock.now())
        assert isinstance(verdict, Valid) is (state in {Standing.VALID, Standing.GRACE})
        assert len(self.watched.writes) == before

    # --- releases and heartbeats ----------------------------------------------------------------

    @rule(which=licenses, fingerprint=fingerprints)
    def deactivate(self, which: int, fingerprint: str) -> None:
        sold = self.sold[which]
        command = DeactivateMachine(
            payload=payload_in(sold.key), candidate=Candidate(fingerprint=fingerprint)
        )
        freed = deactivate_machine(
            BUYER, command, store=self.trade.store, clock=self.trade.clock, ids=self.trade.ids
        )
        self.unseat(sold, fingerprint, freed.id if freed else None)

    @rule(which=licenses, fingerprint=fingerprints)
    def release(self, which: int, fingerprint: str) -> None:
        sold = self.sold[which]
        if fingerprint not in sold.seated:
            return
        machine_id = MachineId(sold.seated[fingerprint])
        freed = release_machine(
            OPERATOR,
            machine_id,
            reason=None,
            store=self.trade.store,
            clock=self.trade.clock,
            ids=self.trade.ids,
        )
        self.unseat(sold, fingerprint, freed.id)
        with pytest.raises(NotFound):
            release_machine(
                OPERATOR,
                machine_id,
                reason=None,
                store=self.trade.store,
                clock=self.trade.clock,
                ids=self.trade.ids,
            )

    def unseat(self, sold: Sold, fingerprint: str, machine_id: str | None) -> None:
        assert sold.seated.pop(fingerprint, None) == machine_id
        sold.deactivations += machine_id is not None

    @rule(which=licenses, fingerprint=fingerprints)
    def heartbeat(self, which: int, fingerprint: str) -> None:
        sold, now = self.sold[which], self.trade.clock.now()
        answer = self.trade.beat(sold.key, fingerprint)
        state = sold.standing(now)
        if state not in {Standing.VALID, Standing.GRACE}:
            assert (answer.machine_id, answer.reason) == (None, state)
        elif fingerprint not in sold.seated:
            assert (answer.machine_id, answer.reason) == (None, "not_activated")
        else:
            assert (answer.machine_id, answer.reason) == (sold.seated[fingerprint], None)
            sold.seen[fingerprint] = max(now, sold.seen[fingerprint])

    @rule()
    def flush(self) -> None:
        self.trade.heartbeats.flush()

    @rule()
    def fold(self) -> None:
        fold_heartbeats(store=self.trade.store, heartbeats=self.trade.heartbeats)

    # --- the operator and the clock -------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 30, 60, -45]))
    def wait(self, seconds: int) -> None:
        self.trade.clock.advance(seconds, may_go_back=True)

    @rule(
        instant=st.sampled_from([START, ENDS_AT - 1, ENDS_AT, ENDS_AT + GRACE - 1, ENDS_AT + GRACE])
    )
    def jump(self, instant: int) -> None:
        self.trade.clock.set(instant, may_go_back=True)

    @rule(which=licenses, change=st.sampled_from([*CHANGES] * 2 + [revoke_license]))
    def change_status(self, which: int, change: Change) -> None:
        sold = self.sold[which]
        if sold.status is LicenseStatus.REVOKED:
            with pytest.raises(NotFound):
                self.change(change, sold)
            return
        self.change(change, sold)
        sold.status = CHANGES.get(change, LicenseStatus.REVOKED)

    def change(self, change: Change, sold: Sold) -> None:
        fields = {} if change is reinstate_license else {"reason": None}
        change(
            OPERATOR,
            sold.license.id,
            store=self.trade.store,
            clock=self.trade.clock,
            ids=self.trade.ids,
            **fields,
        )

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def seats_are_as_the_model_says_and_never_above_the_cap(self) -> None:
        for sold in self.sold:
            rows = [row.machine for row in self.trade.machines(sold.license.id)]
            assert {row.fingerprint: row.id for row in rows} == sold.seated
            for row in rows:
                behind = sold.seen[row.fingerprint] - row.last_heartbeat_at
                assert 0 <= behind < HEARTBEAT_SECONDS
            assert not sold.cap or len(rows) <= sold.cap

    @invariant()
    def the_lock_is_the_live_machine_of_a_single_seat_and_nothing_else(self) -> None:
        for sold in self.sold:
            stored = self.trade.license(sold.license.id)
            locked = next(iter(sold.seated), None) if sold.cap == 1 else None
            assert stored.fingerprint == locked
            assert stored.status is sold.status

    @invariant()
    def every_seat_taken_or_freed_is_told_once_and_audited_once(self) -> None:
        for event_type, action, attribute in (
            ("machine.activated", "machine.activate", "activations"),
            ("machine.deactivated", "machine.deactivate", "deactivations"),
        ):
            told = [data_of(event)["license_id"] for event in self.trade.events(event_type)]
            audited = [entry.details["license_id"] for entry in self.trade.audits(action)]
            for sold in self.sold:
                assert told.count(sold.license.id) == getattr(sold, attribute)
                assert audited.count(sold.license.id) == getattr(sold, attribute)


TestSeats = SeatMachine.TestCase
TestSeats.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
