"""Events about subscriptions and their cycles (lifecycles 10.1)."""

from typing import Final

from keysat_core.domain.events.event import Event
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.subscription import Cycle, Subscription

POLICY_ARCHIVED: Final = "policy_archived"
"""Why a renewal was skipped (lifecycles 8.5)."""


class SubscriptionRenewalPending(Event, frozen=True, kw_only=True):
    """The buyer has to pay an invoice by hand; told again for each one that replaces another."""

    event_type = "subscription.renewal_pending"
    subscription_id: str
    license_id: str
    product_id: str
    policy_id: str
    invoice_id: str
    checkout_url: str
    amount_sats: int
    listed_currency: str
    listed_value: int
    cycle_number: int
    cycle_start_at: str
    cycle_end_at: str
    due_at: str
    buyer_email: str | None
    is_first_paid_cycle: bool
    lapses_at: str


class SubscriptionAutoChargeInitiated(Event, frozen=True, kw_only=True):
    """A saved payment method was charged for a cycle."""

    event_type = "subscription.auto_charge_initiated"
    subscription_id: str
    license_id: str
    product_id: str
    policy_id: str
    invoice_id: str
    amount_sats: int
    listed_currency: str
    listed_value: int
    cycle_number: int
    cycle_start_at: str
    cycle_end_at: str


class SubscriptionAutoChargeFailed(Event, frozen=True, kw_only=True):
    """A saved payment method could not be charged, or whether it was is unknown."""

    event_type = "subscription.auto_charge_failed"
    subscription_id: str
    license_id: str
    invoice_id: str
    reason: str


class SubscriptionRenewed(Event, frozen=True, kw_only=True):
    """A cycle from the second on was paid, and the license extended."""

    event_type = "subscription.renewed"
    subscription_id: str
    invoice_id: str
    amount_sats: int
    license_id: str
    cycle_number: int
    cycle_start_at: str
    cycle_end_at: str


class SubscriptionRenewalFailed(Event, frozen=True, kw_only=True):
    """No invoice could be made for a cycle; it is tried again until the subscription lapses (D51)."""

    event_type = "subscription.renewal_failed"
    subscription_id: str
    license_id: str
    product_id: str
    policy_id: str
    reason: str
    consecutive_failures: int
    next_attempt_at: str


class SubscriptionRenewalSkipped(Event, frozen=True, kw_only=True):
    """A cycle fell due and is not asked for, because its tier is archived; once for a due date."""

    event_type = "subscription.renewal_skipped"
    subscription_id: str
    license_id: str
    product_id: str
    policy_id: str
    policy_slug: str
    reason: str


class SubscriptionLapsed(Event, frozen=True, kw_only=True):
    """A cycle stayed unpaid past its grace; the license has expired."""

    event_type = "subscription.lapsed"
    subscription_id: str
    license_id: str
    product_id: str
    policy_id: str


class SubscriptionCancelled(Event, frozen=True, kw_only=True):
    """Nobody is billed any more. ``actor``: buyer or admin."""

    event_type = "subscription.cancelled"
    subscription_id: str
    license_id: str
    product_id: str
    policy_id: str
    actor: str
    reason: str | None


def renewal_pending(
    subscription: Subscription, invoice: Invoice, cycle: Cycle, *, is_first_paid_cycle: bool
) -> SubscriptionRenewalPending:
    """Describe an invoice that waits for its buyer.

    ``due_at`` is the published name for the end of the cycle the invoice pays for.
    """
    price = invoice.listed
    return SubscriptionRenewalPending(
        subscription_id=subscription.id,
        license_id=subscription.license_id,
        product_id=subscription.product_id,
        policy_id=invoice.policy_id or subscription.policy_id,
        invoice_id=invoice.id,
        checkout_url=invoice.checkout_url,
        amount_sats=invoice.amount_sats,
        listed_currency=price.currency,
        listed_value=price.amount,
        cycle_number=cycle.number,
        cycle_start_at=rfc3339(cycle.start_at),
        cycle_end_at=rfc3339(cycle.end_at),
        due_at=rfc3339(cycle.end_at),
        buyer_email=invoice.buyer_email,
        is_first_paid_cycle=is_first_paid_cycle,
        lapses_at=rfc3339(subscription.lapses_at),
    )


def auto_charge_initiated(
    subscription: Subscription, invoice: Invoice, cycle: Cycle
) -> SubscriptionAutoChargeInitiated:
    """Describe a charge that went well."""
    price = invoice.listed
    return SubscriptionAutoChargeInitiated(
        subscription_id=subscription.id,
        license_id=subscription.license_id,
        product_id=subscription.product_id,
        policy_id=invoice.policy_id or subscription.policy_id,
        invoice_id=invoice.id,
        amount_sats=invoice.amount_sats,
        listed_currency=price.currency,
        listed_value=price.amount,
        cycle_number=cycle.number,
        cycle_start_at=rfc3339(cycle.start_at),
        cycle_end_at=rfc3339(cycle.end_at),
    )


def auto_charge_failed(
    subscription: Subscription, invoice: Invoice, reason: str
) -> SubscriptionAutoChargeFailed:
    """Describe a charge that did not go well."""
    return SubscriptionAutoChargeFailed(
        subscription_id=subscription.id,
        license_id=subscription.license_id,
        invoice_id=invoice.id,
        reason=reason,
    )


def subscription_renewed(
    subscription: Subscription, invoice: Invoice, cycle: Cycle
) -> SubscriptionRenewed:
    """Describe a paid cycle."""
    return SubscriptionRenewed(
        subscription_id=subscription.id,
        invoice_id=invoice.id,
        amount_sats=invoice.amount_sats,
        license_id=subscription.license_id,
        cycle_number=cycle.number,
        cycle_start_at=rfc3339(cycle.start_at),
        cycle_end_at=rfc3339(cycle.end_at),
    )


def renewal_failed(
    subscription: Subscription, reason: str, next_attempt_at: Instant
) -> SubscriptionRenewalFailed:
    """Describe an attempt that made no invoice."""
    return SubscriptionRenewalFailed(
        subscription_id=subscription.id,
        license_id=subscription.license_id,
        product_id=subscription.product_id,
        policy_id=subscription.policy_id,
        reason=reason,
        consecutive_failures=subscription.consecutive_failures,
        next_attempt_at=rfc3339(next_attempt_at),
    )


def renewal_skipped(subscription: Subscription, policy_slug: str) -> SubscriptionRenewalSkipped:
    """Describe a cycle that is not asked for."""
    return SubscriptionRenewalSkipped(
        subscription_id=subscription.id,
        license_id=subscription.license_id,
        product_id=subscription.product_id,
        policy_id=subscription.policy_id,
        policy_slug=policy_slug,
        reason=POLICY_ARCHIVED,
    )


def subscription_lapsed(subscription: Subscription) -> SubscriptionLapsed:
    """Describe a subscription that stayed unpaid."""
    return SubscriptionLapsed(
        subscription_id=subscription.id,
        license_id=subscription.license_id,
        product_id=subscription.product_id,
        policy_id=subscription.policy_id,
    )


def subscription_cancelled(subscription: Subscription, actor: str) -> SubscriptionCancelled:
    """Describe a subscription that somebody ended."""
    return SubscriptionCancelled(
        subscription_id=subscription.id,
        license_id=subscription.license_id,
        product_id=subscription.product_id,
        policy_id=subscription.policy_id,
        actor=actor,
        reason=subscription.cancellation_reason,
    )
