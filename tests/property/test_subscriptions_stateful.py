"""A subscription through years of ticks, payments, failures and edits (lifecycles 8).

Whatever happens: one open cycle at most, numbers without gaps, windows that follow on each other, a
license that is valid exactly while it is paid and in its grace, and an end that is final.
"""

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.subscription import SubscriptionStatus
from tests.support.scripted_provider import Fault
from tests.support.subscription_world import SubscriptionWorld

LISTED: Final = Money(currency=Currency.SAT, amount=50_000)


class Subscriptions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world: SubscriptionWorld | None = None
        self.after_cancel = 0

    @property
    def there(self) -> SubscriptionWorld:
        assert self.world is not None
        return self.world

    @initialize(
        period=st.sampled_from([1, 7, 30]),
        grace=st.sampled_from([0, 3, 14]),
        is_trial=st.booleans(),
        own_grace=st.sampled_from([0, 5 * DAY_SECONDS]),
    )
    def begin(self, *, period: int, grace: int, is_trial: bool, own_grace: int) -> None:
        self.world = SubscriptionWorld(
            renewal_period_days=period,
            grace_period_days=grace,
            trial_days=period if is_trial else 0,
            grace_seconds=own_grace,
        )
        self.world.buy()

    @rule(
        seconds=st.sampled_from([60, HOUR_SECONDS, 6 * HOUR_SECONDS, DAY_SECONDS, 5 * DAY_SECONDS])
    )
    def pass_time(self, seconds: int) -> None:
        world = self.there
        before = len(world.cycles)
        world.tick(seconds)
        if world.is_cancelled:
            # Cancelled never gets a new invoice.
            assert len(world.cycles) == before

    @rule(late=st.sampled_from([0, 0, 59, 2 * DAY_SECONDS]), is_paid=st.booleans())
    def pass_to_the_next_look(self, late: int, *, is_paid: bool) -> None:
        """Most happens when it is looked at, so time goes there straight."""
        world = self.there
        next_at = world.row.next_action_at
        if next_at is None:
            return
        world.tick(max(0, next_at - world.trade.clock.now()) + late)
        if is_paid and world.open_cycle is not None:
            world.pay(world.open_invoice_id())

    @rule(minutes=st.integers(2, 30))
    def run_server(self, minutes: int) -> None:
        for _ in range(minutes):
            self.there.tick(60)

    @rule()
    def tick_twice(self) -> None:
        world = self.there
        world.tick()
        rows = (world.row, world.cycles)
        world.tick()
        assert (world.row, world.cycles) == rows

    @rule()
    @precondition(lambda self: self.there.open_cycle is not None)
    def pay_what_is_open(self) -> None:
        self.there.pay(self.there.open_invoice_id())

    @rule(which=st.integers(0, 5))
    def pay_some_invoice(self, which: int) -> None:
        asked = [one.invoice_id for one in self.there.cycles if one.invoice_id is not None]
        for _ in range(2):
            # Settling the same one twice counts once.
            if which < len(asked):
                self.there.pay(InvoiceId(asked[which]))

    @rule()
    @precondition(lambda self: self.there.open_cycle is not None)
    def let_it_expire(self) -> None:
        self.there.expire(self.there.open_invoice_id())

    @rule()
    def reconcile(self) -> None:
        self.there.reconcile()

    @rule(fault=st.sampled_from(Fault))
    def trouble_provider(self, fault: Fault) -> None:
        self.there.trade.provider.faults.append(fault)

    @rule()
    @precondition(lambda self: len(self.there.cycles) > 5)
    def cancel(self) -> None:
        self.there.cancel()

    @rule()
    @precondition(lambda self: len(self.there.cycles) > 7)
    def revoke(self) -> None:
        if self.there.license.status is LicenseStatus.ACTIVE:
            self.there.revoke()

    @rule(archived=st.booleans())
    def switch_archive(self, *, archived: bool) -> None:
        self.there.archive(archived=archived)

    @rule(price=st.integers(1, 90_000))
    def edit_product(self, price: int) -> None:
        self.there.edit_product(price)

    @invariant()
    def what_always_holds(self) -> None:
        if self.world is not None and self.world.first_invoice_id:
            self.world.check()
            self.world.check_amounts(LISTED)

    @invariant()
    def a_lapsed_one_was_given_its_grace(self) -> None:
        if self.world is None or not self.world.first_invoice_id:
            return
        row = self.world.row
        if row.status is SubscriptionStatus.LAPSED:
            assert self.world.trade.clock.now() >= row.lapses_at

    def teardown(self) -> None:
        if self.world is not None:
            self.world.close()


TestSubscriptions = Subscriptions.TestCase
TestSubscriptions.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
