"""Tips under any weather: whatever dies, hangs or comes twice, a license is tipped at most once."""

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keysat_core.domain.instant import HOUR_SECONDS
from keysat_core.domain.payment import LightningStatus
from keysat_core.domain.tip import TipAttempt, TipStatus
from keysat_core.ports.store import Store
from tests.support.scripted_provider import Fault
from tests.support.tip_jar import TipJar, open_tip_jar
from tests.support.watched_store import Killed, WatchedStore

ROUNDS: Final = 80
"""Rounds of six hours: longer than any payment is followed."""


class Tipping(RuleBasedStateMachine):
    jar: TipJar
    whole: Store

    @initialize(cap=st.none() | st.integers(0, 6_000))
    def open(self, cap: int | None) -> None:
        self.jar = open_tip_jar()
        self.whole = self.jar.trade.store
        if cap is not None:
            self.jar.cap(cap)

    def teardown(self) -> None:
        if hasattr(self, "jar"):
            self.calm_down()
            self.jar.trade.store = self.whole
            self.jar.trade.close()

    # --- what happens ---------------------------------------------------------------------------

    @rule()
    def sell(self) -> None:
        self.calm_faults()
        self.jar.sell()

    @rule()
    def work(self) -> None:
        self.jar.work()

    @rule(step=st.integers(1, 14))
    def die_at_work(self, step: int) -> None:
        self.jar.trade.store = WatchedStore(self.whole, dies_at=step)
        try:
            self.jar.work()
        except Killed:
            pass
        finally:
            self.jar.trade.store = self.whole

    @rule()
    def meet_another_worker(self) -> None:
        watched = WatchedStore(self.whole)

        def other() -> None:
            self.jar.trade.store = self.whole
            self.jar.work()
            self.jar.trade.store = watched

        watched.before_writing = other
        self.jar.trade.store = watched
        self.jar.work()
        self.jar.trade.store = self.whole

    @rule(seconds=st.sampled_from([1, 10, 60, 700, 7_200]))
    def wait(self, seconds: int) -> None:
        self.jar.trade.clock.advance(seconds)

    @rule(is_down=st.booleans())
    def recipient(self, is_down: bool) -> None:  # noqa: FBT001  a rule's arguments have names
        self.jar.lightning.is_down = is_down

    @rule(twist=st.sampled_from([{}, {}, {"amount_msat": 10**9}, {"network": "tb"}]))
    def twist(self, twist: dict[str, object]) -> None:
        self.jar.lightning.twist = twist

    @rule(fault=st.sampled_from(Fault))
    def fault(self, fault: Fault) -> None:
        self.jar.trade.provider.faults.append(fault)

    @rule(outcome=st.sampled_from(LightningStatus))
    def outcome(self, outcome: LightningStatus) -> None:
        self.jar.trade.provider.pay_outcomes.append(outcome)

    @precondition(lambda self: self.on_the_way())
    @rule(data=st.data(), truth=st.sampled_from([LightningStatus.SENT, LightningStatus.FAILED]))
    def arrive(self, data: st.DataObject, truth: LightningStatus) -> None:
        payment_hash = data.draw(st.sampled_from(self.on_the_way()))
        self.jar.trade.provider.payments[payment_hash] = truth

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def no_license_is_tipped_twice(self) -> None:
        tips = self.tips()
        told = self.jar.trade.provider.told_to_pay
        owners = {tip.payment_hash: tip.license_id for tip in tips if tip.payment_hash}
        assert len({owners[payment_hash] for payment_hash in told}) == len(told)
        assert len({tip.license_id for tip in tips}) == len(tips)

    @invariant()
    def every_license_has_the_tip_it_owes(self) -> None:
        assert len(self.tips()) == len(self.jar.trade.licenses())

    @invariant()
    def only_what_was_asked_for_is_paid(self) -> None:
        written = {one.payment_hash: one for one in self.jar.lightning.written}
        for payment_hash in self.jar.trade.provider.told_to_pay:
            assert (written[payment_hash].amount_msat, written[payment_hash].network) == (
                1_250_000,
                "bc",
            )

    @invariant()
    def what_is_sent_was_paid(self) -> None:
        payments = self.jar.trade.provider.payments
        for tip in self.tips():
            if tip.status is TipStatus.SENT:
                assert payments[tip.payment_hash or ""] is LightningStatus.SENT

    # --- the end --------------------------------------------------------------------------------

    def tips(self) -> list[TipAttempt]:
        return self.jar.tips() if hasattr(self, "jar") else []

    def on_the_way(self) -> list[str]:
        if not hasattr(self, "jar"):
            return []
        payments = self.jar.trade.provider.payments
        return [key for key, status in payments.items() if status is LightningStatus.PENDING]

    def calm_faults(self) -> None:
        self.jar.trade.provider.faults.clear()

    def calm_down(self) -> None:
        """When every payment has arrived and everybody answers, every tip is told as it is."""
        self.calm_faults()
        payments = self.jar.trade.provider.payments
        for payment_hash in self.on_the_way():
            payments[payment_hash] = LightningStatus.SENT
        for _ in range(ROUNDS):
            if not self.jar.due() and all(tip.next_at is None for tip in self.tips()):
                break
            self.jar.trade.clock.advance(6 * HOUR_SECONDS)
            self.jar.trade.provider.pay_outcomes.clear()
            self.jar.work()
        for tip in self.tips():
            assert tip.status in {TipStatus.SENT, TipStatus.FAILED, TipStatus.SKIPPED}
            was_sent = payments.get(tip.payment_hash or "") is LightningStatus.SENT
            assert (tip.status is TipStatus.SENT) is was_sent


TestTipping = Tipping.TestCase
TestTipping.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
