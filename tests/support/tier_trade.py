"""A trade with a ladder of tiers, and one verb for each way to change the tier of a license."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import InvoiceId, LicenseId, TierChangeId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License, key_of
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.self_license import SelfLicense
from keysat_core.domain.subscription import Cycle, Subscription
from keysat_core.domain.tier_change import TierChange
from keysat_core.domain.tier_quote import TierQuote
from keysat_core.domain.tier_request import ChangeRequest, UpgradeRequest
from keysat_core.errors import TierChangeRefused
from keysat_core.use_cases.tiers.give_change import GivenTier, give_change
from keysat_core.use_cases.tiers.list_changes import QuotedTier, preview_change
from keysat_core.use_cases.tiers.order_change import OrderedTier, order_change, order_upgrade
from keysat_core.use_cases.tiers.quote_upgrade import quote_upgrade
from keysat_core.use_cases.tiers.schedule_change import (
    CancelledChange,
    ScheduledTier,
    cancel_scheduled_change,
    schedule_change,
    schedule_downgrade,
)
from tests.support.builders import new_id
from tests.support.trade import BUYER, OPERATOR, PATRON, PUBLIC_URL, Trade, open_trade

UNITS_PER_BTC: Final = Decimal(50_000)
MONTH: Final = 30
YEAR: Final = 365


@dataclass(kw_only=True)
class TierTrade:
    """Policies are named by their slugs; prices are cents."""

    trade: Trade
    self_license: SelfLicense = PATRON

    # --- what is sold ---------------------------------------------------------------------------

    def tier(self, slug: str, price: int, **fields: Any) -> Policy:
        return self.trade.put_policy(slug=slug, price_sats_override=price, **fields)

    def monthly(self, slug: str, price: int, **fields: Any) -> Policy:
        recurring = {"is_recurring": True, "renewal_period_days": MONTH}
        return self.tier(slug, price, **(recurring | fields))

    def policy(self, slug: str) -> Policy:
        with self.trade.store.reading() as tx:
            found = tx.policies.find_policy_by_slug(self.trade.shop.product.id, slug)
        assert found is not None
        return found

    def sell(self, slug: str, **fields: Any) -> License:
        """Sell a license of a tier, paid at once."""
        invoice = self.trade.sell(policy_slug=slug, buyer_email="b@example.com", **fields)
        self.trade.provider.pay(invoice.id)
        self.trade.settle(invoice.id)
        license = self.trade.license_for(invoice.id)
        assert license is not None
        return license

    # --- the verbs ------------------------------------------------------------------------------

    def key(self, license: License) -> str:
        return key_of(self.now_of(license), self.trade.keys.signing_key())

    def quote(self, license: License, slug: str, **fields: Any) -> TierQuote:
        return self.quote_with(self.key(license), slug, **fields)

    def quote_with(self, key: str, slug: str, **fields: Any) -> TierQuote:
        request = UpgradeRequest(license_key=key, target_slug=slug, **fields)
        return quote_upgrade(
            request, store=self.trade.store, clock=self.trade.clock, keys=self.trade.keys
        )

    def order(self, license: License, slug: str, **fields: Any) -> OrderedTier:
        """Write the order of a buyer down, without asking for its payment."""
        return self.order_with(self.key(license), slug, **fields)

    def order_with(self, key: str, slug: str, **fields: Any) -> OrderedTier:
        trade = self.trade
        request = UpgradeRequest(license_key=key, target_slug=slug, **fields)
        return order_upgrade(
            BUYER,
            request,
            public_url=PUBLIC_URL,
            store=trade.store,
            clock=trade.clock,
            ids=trade.ids,
            keys=trade.keys,
            rates=trade.rates,
            providers=trade.providers,
        )

    def upgrade(self, license: License, slug: str, **fields: Any) -> Invoice:
        """Order, and ask for the payment."""
        ordered = self.order(license, slug, **fields)
        if ordered.is_reused:
            return ordered.invoice
        return self.trade.request(ordered.invoice.id)

    def bill(self, license: License, slug: str, actor: Actor = OPERATOR) -> OrderedTier:
        """Have the buyer pay, as the operator."""
        trade = self.trade
        return order_change(
            actor,
            ChangeRequest(license_id=license.id, target_slug=slug),
            public_url=PUBLIC_URL,
            store=trade.store,
            clock=trade.clock,
            ids=trade.ids,
            rates=trade.rates,
            providers=trade.providers,
            self_license=self.self_license,
        )

    def give(self, license: License, slug: str, **fields: Any) -> GivenTier:
        trade = self.trade
        return give_change(
            OPERATOR,
            ChangeRequest(license_id=license.id, target_slug=slug, **fields),
            store=trade.store,
            clock=trade.clock,
            ids=trade.ids,
            self_license=self.self_license,
        )

    def preview(
        self, license: License, slug: str, *, is_paid: bool = False, **fields: Any
    ) -> QuotedTier:
        return preview_change(
            OPERATOR,
            ChangeRequest(license_id=license.id, target_slug=slug, **fields),
            is_paid=is_paid,
            store=self.trade.store,
            clock=self.trade.clock,
            self_license=self.self_license,
        )

    def schedule(self, license: License, slug: str) -> ScheduledTier:
        return self.schedule_with(self.key(license), slug)

    def schedule_with(self, key: str, slug: str) -> ScheduledTier:
        trade = self.trade
        request = UpgradeRequest(license_key=key, target_slug=slug)
        return schedule_downgrade(
            BUYER,
            request,
            store=trade.store,
            clock=trade.clock,
            ids=trade.ids,
            keys=trade.keys,
        )

    def schedule_by_operator(self, license: License, slug: str) -> ScheduledTier:
        trade = self.trade
        return schedule_change(
            OPERATOR,
            ChangeRequest(license_id=license.id, target_slug=slug),
            store=trade.store,
            clock=trade.clock,
            ids=trade.ids,
            self_license=self.self_license,
        )

    def call_off(self, license: License, change_id: TierChangeId) -> CancelledChange:
        return cancel_scheduled_change(
            OPERATOR, license.id, change_id, store=self.trade.store, clock=self.trade.clock
        )

    def pay(self, invoice_id: InvoiceId) -> None:
        self.trade.provider.pay(invoice_id)
        self.trade.settle(invoice_id)

    def days(self, days: int, seconds: int = 0) -> None:
        self.trade.clock.advance(days * DAY_SECONDS + seconds)

    def quote_is_refused(self, license: License) -> bool:
        """Tell whether no tier is quoted to be paid, as while a renewal is unpaid (D46)."""
        with self.trade.store.reading() as tx:
            policies = tx.policies.list_policies(license.product_id)
        for policy in policies:
            try:
                self.preview(license, policy.slug, is_paid=True)
            except TierChangeRefused:
                continue
            return False
        return True

    # --- what is stored -------------------------------------------------------------------------

    def now_of(self, license: License) -> License:
        return self.trade.license(license.id)

    def slug_of(self, license: License) -> str | None:
        policy_id = self.now_of(license).policy_id
        if policy_id is None:
            return None
        with self.trade.store.reading() as tx:
            return tx.policies.get_policy(policy_id).slug

    def changes(self, license_id: LicenseId) -> list[TierChange]:
        with self.trade.store.reading() as tx:
            return tx.tier_changes.list_tier_changes(license_id, 1_000)

    def subscription(self, license: License) -> Subscription | None:
        with self.trade.store.reading() as tx:
            return tx.subscriptions.find_subscription_of(license.id)

    def live(self, license: License) -> Subscription:
        found = self.subscription(license)
        assert found is not None
        return found

    def cycles(self, license: License) -> list[Cycle]:
        subscription_id = self.live(license).id
        with self.trade.store.reading() as tx:
            return tx.subscriptions.list_cycles(subscription_id, 1_000)

    def put_subscription(self, subscription: Subscription, **fields: Any) -> Subscription:
        changed = msgspec.structs.replace(subscription, **fields)
        with self.trade.store.writing() as tx:
            tx.subscriptions.put_subscription(changed)
        return changed

    def ask_for_cycle(self, license: License) -> tuple[Cycle, Invoice]:
        """Have the next cycle wait for its payment, as the worker of renewals leaves it."""
        subscription, trade = self.live(license), self.trade
        now = trade.clock.now()
        invoice = Invoice(
            id=InvoiceId(new_id()),
            product_id=subscription.product_id,
            policy_id=subscription.policy_id,
            amount_sats=1_000,
            base_price_sats=1_000,
            provider_account_id=subscription.account_id,
            buyer_email=license.buyer_email,
            created_at=now,
            updated_at=now,
        )
        number = 1 + max((cycle.number for cycle in self.cycles(license)), default=0)
        start = subscription.next_renewal_at
        cycle = Cycle(
            id=new_id(),  # type: ignore[arg-type]
            subscription_id=subscription.id,
            number=number,
            invoice_id=invoice.id,
            start_at=start,
            end_at=Instant(start + subscription.period_seconds),
            created_at=now,
        )
        with trade.store.writing() as tx:
            tx.invoices.put_invoice(invoice)
            tx.subscriptions.put_cycle(cycle)
        trade.request(invoice.id)
        return cycle, invoice


def open_tier_trade(currency: Currency = Currency.USD) -> TierTrade:
    """Open a shop whose product is priced in a currency; sats per cent are 20."""
    trade = open_trade()
    price = Money(currency=currency, amount=2_500)
    product: Product = msgspec.structs.replace(trade.shop.product, price=price)
    with trade.store.writing() as tx:
        tx.products.put_product(product)
    trade.shop = msgspec.structs.replace(trade.shop, product=product)
    trade.rates.units_per_btc[Currency.USD] = UNITS_PER_BTC
    return TierTrade(trade=trade)
