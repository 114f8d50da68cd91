"""Subscriptions and cycles as rows, made for a test."""

from typing import Any

from keysat_core.domain.ids import CycleId, SubscriptionId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import License
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.subscription import Cycle, Subscription
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    Shop,
    make_invoice,
    make_license,
    new_id,
    stored_shop,
)


def make_subscription(shop: Shop, license: License, **fields: Any) -> Subscription:
    made: dict[str, Any] = {
        "id": SubscriptionId(new_id()),
        "license_id": license.id,
        "product_id": license.product_id,
        "policy_id": license.policy_id or shop.policy.id,
        "period_days": 30,
        "grace_period_days": 7,
        "listed": Money(currency=Currency.SAT, amount=50_000),
        "started_at": NOW,
        "next_renewal_at": Instant(NOW + 30 * DAY_SECONDS),
        "next_action_at": Instant(NOW + 27 * DAY_SECONDS),
        "merchant_profile_id": shop.profile.id,
        "account_id": shop.account.id,
        "updated_at": NOW,
    }
    return Subscription(**(made | fields))


def make_cycle(subscription: Subscription, number: int = 1, **fields: Any) -> Cycle:
    start = Instant(subscription.started_at + (number - 1) * subscription.period_seconds)
    made: dict[str, Any] = {
        "id": CycleId(new_id()),
        "subscription_id": subscription.id,
        "number": number,
        "invoice_id": None,
        "start_at": start,
        "end_at": Instant(start + subscription.period_seconds),
        "created_at": start,
    }
    return Cycle(**(made | fields))


def stored_subscription(
    store: Store, shop: Shop | None = None, *, is_paid: bool = True, **fields: Any
) -> Subscription:
    """Store a subscription with its license, and the first cycle, paid by an invoice."""
    shop = shop or stored_shop(store)
    invoice = make_invoice(
        shop.product, policy_id=shop.policy.id, status=InvoiceStatus.SETTLED, settled_at=NOW
    )
    license = make_license(shop.product, policy_id=shop.policy.id, invoice_id=invoice.id)
    subscription = make_subscription(shop, license, **fields)
    cycle = make_cycle(subscription, invoice_id=invoice.id, settled_at=NOW if is_paid else None)
    with store.writing() as tx:
        tx.invoices.put_invoice(invoice)
        tx.licenses.put_license(license)
        tx.subscriptions.put_subscription(subscription)
        tx.subscriptions.put_cycle(cycle)
    return subscription
