"""Changes of tier under any weather: paid in any order, late, twice, given away, or left alone.

Source: lifecycles 9, properties worth testing: each row is applied at most once over any order of
deliveries; seats stay; comp history never changes a later renewal.
"""

import contextlib
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keysat_core.domain.ids import InvoiceId, TierChangeId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License
from keysat_core.domain.tier_change import TierChange
from keysat_core.errors import (
    Forbidden,
    ProviderRefused,
    ProviderUnavailable,
    RequestInFlight,
    TierChangeRefused,
)
from tests.support.builders import make_machine
from tests.support.scripted_provider import Fault
from tests.support.tier_trade import YEAR, TierTrade, open_tier_trade

SLUGS: Final = ("basic", "pro", "m1", "m2", "y2")
REFUSED: Final = (TierChangeRefused, Forbidden)


class Climbing(RuleBasedStateMachine):
    shop: TierTrade
    license: License
    orders: list[InvoiceId]
    applied: dict[TierChangeId, Instant]

    @initialize(slug=st.sampled_from(SLUGS))
    def open(self, slug: str) -> None:
        self.shop = open_tier_trade()
        self.shop.tier("basic", 2_500, tier_rank=1, max_machines=3)
        self.shop.tier("pro", 7_500, tier_rank=2, duration_seconds=YEAR * 86_400)
        self.shop.monthly("m1", 2_600, tier_rank=3)
        self.shop.monthly("m2", 7_700, tier_rank=4, max_machines=1)
        self.shop.monthly("y2", 60_000, tier_rank=5, renewal_period_days=YEAR)
        self.license = self.shop.sell(slug)
        with self.shop.trade.store.writing() as tx:
            tx.machines.put_machine(make_machine(self.license))
            tx.machines.put_machine(make_machine(self.license))
        self.orders, self.applied = [], {}

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.shop.trade.close()

    # --- what happens ---------------------------------------------------------------------------

    @rule(slug=st.sampled_from(SLUGS))
    def quote(self, slug: str) -> None:
        before = self.shop.trade.trail(), self.shop.changes(self.license.id)
        with contextlib.suppress(*REFUSED):
            self.shop.quote(self.license, slug)
        assert (self.shop.trade.trail(), self.shop.changes(self.license.id)) == before

    @rule(slug=st.sampled_from(SLUGS), fault=st.none() | st.sampled_from(Fault))
    def upgrade(self, slug: str, fault: Fault | None) -> None:
        """What a buyer's client does; the provider may fail."""
        before = self.shop.now_of(self.license)
        try:
            ordered = self.shop.order(self.license, slug)
        except REFUSED:
            return
        assert self.shop.now_of(self.license) == before
        if fault is not None:
            self.shop.trade.provider.faults.append(fault)
        with contextlib.suppress(ProviderRefused, ProviderUnavailable, RequestInFlight):
            self.shop.trade.request(ordered.invoice.id, is_first_try=not ordered.is_reused)
        self.shop.trade.provider.faults.clear()
        if ordered.invoice.id not in self.orders:
            self.orders.append(ordered.invoice.id)

    @rule(slug=st.sampled_from(SLUGS))
    def give(self, slug: str) -> None:
        try:
            given = self.shop.give(self.license, slug)
        except TierChangeRefused:
            return
        assert given.change.applied_at == self.shop.trade.clock.now()
        assert self.shop.slug_of(self.license) == slug

    @rule(slug=st.sampled_from(SLUGS), is_operator=st.booleans())
    def schedule(self, slug: str, is_operator: bool) -> None:  # noqa: FBT001  rules have names
        before = self.shop.now_of(self.license)
        verb = self.shop.schedule_by_operator if is_operator else self.shop.schedule
        try:
            verb(self.license, slug)
        except REFUSED:
            return
        assert self.shop.now_of(self.license) == before

    @precondition(lambda self: self.known())
    @rule(data=st.data())
    def pay(self, data: st.DataObject) -> None:
        """In time or late, in any order, and as often as it comes."""
        invoice_id = data.draw(st.sampled_from(self.known()))
        before = self.shop.trade.license(self.license.id)
        was_applied = self.change_of(invoice_id).applied_at is not None
        self.shop.pay(invoice_id)
        after = self.shop.trade.license(self.license.id)
        if was_applied:
            assert after == before
        else:
            change = self.change_of(invoice_id)
            assert after.policy_id == change.to_policy_id
            assert change.applied_at == self.shop.trade.clock.now()

    @precondition(lambda self: self.known())
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        invoice_id = data.draw(st.sampled_from(self.known()))
        self.shop.trade.provider.expire(invoice_id)
        self.shop.trade.settle(invoice_id)

    @rule()
    def reconcile(self) -> None:
        self.shop.trade.reconcile()

    @rule()
    def renew(self) -> None:
        """Ask for the next cycle and pay it: no gift of the past changes what follows (D5)."""
        subscription = self.shop.subscription(self.license)
        if subscription is None or subscription.status != "active":
            return
        before = self.shop.now_of(self.license)
        _, invoice = self.shop.ask_for_cycle(self.license)
        assert self.shop.quote_is_refused(self.license)
        self.shop.pay(invoice.id)
        after = self.shop.now_of(self.license)
        assert after.policy_id == before.policy_id
        assert after.expires_at is not None
        assert before.expires_at is not None
        assert after.expires_at >= before.expires_at

    @rule(days=st.sampled_from([0, 1, 5, 20]))
    def wait(self, days: int) -> None:
        self.shop.days(days, 60)

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def there_is_one_license_with_its_seats(self) -> None:
        if hasattr(self, "shop"):
            (license,) = self.shop.trade.licenses()
            assert license.id == self.license.id
            assert len(self.shop.trade.machines(license.id)) == 2

    @invariant()
    def every_change_is_applied_once_and_told_once(self) -> None:
        if not hasattr(self, "shop"):
            return
        done = {one.id: one.applied_at for one in self.changes() if one.applied_at is not None}
        for change_id, at in self.applied.items():
            assert done[change_id] == at
        self.applied = done
        assert len(self.shop.trade.events("license.tier_changed")) == len(done)

    @invariant()
    def one_order_for_a_tier_can_be_paid(self) -> None:
        open_tiers = [one.to_policy_id for one in self.changes() if one.is_open]
        assert len(set(open_tiers)) == len(open_tiers)
        waiting = [one for one in self.changes() if one.is_open and one.invoice_id is None]
        assert len(waiting) <= 1

    @invariant()
    def a_recurring_tier_has_a_subscription_of_its_price(self) -> None:
        if not hasattr(self, "shop"):
            return
        slug = self.shop.slug_of(self.license)
        subscription = self.shop.subscription(self.license)
        assert slug is not None
        policy = self.shop.policy(slug)
        if policy.is_recurring:
            assert subscription is not None
            assert subscription.policy_id == policy.id
            assert subscription.listed.amount == policy.price_sats_override
            assert subscription.period_days == policy.renewal_period_days
        else:
            assert subscription is None or subscription.status == "cancelled"

    # --- what is known --------------------------------------------------------------------------

    def changes(self) -> list[TierChange]:
        return self.shop.changes(self.license.id) if hasattr(self, "shop") else []

    def change_of(self, invoice_id: InvoiceId) -> TierChange:
        (found,) = [one for one in self.changes() if one.invoice_id == invoice_id]
        return found

    def known(self) -> list[InvoiceId]:
        """Orders the provider holds and we know that it does."""
        if not hasattr(self, "shop"):
            return []
        trade = self.shop.trade
        return [one for one in self.orders if trade.invoice(one).provider_invoice_id is not None]


TestClimbing = Climbing.TestCase
TestClimbing.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
