"""Subscriptions as operators and buyers see them. Source: admin-api 2.10, public-api 13."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.listing import SubscriptionFilter, SubscriptionPage
from keysat_core.domain.money import Currency
from keysat_core.domain.subscription import Cycle as DomainCycle
from keysat_core.domain.subscription import Subscription as DomainSubscription
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.use_cases.subscriptions.cancel_subscription import CancelledSubscription
from keysat_core.use_cases.subscriptions.list_subscriptions import ShownSubscription


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription. ``next_renewal_at`` is the end of what is paid; ``lapses_at`` when it lapses.

    ``listed_value`` is what a cycle costs, in the smallest unit of ``listed_currency``.
    """

    id: str
    license_id: str
    policy_id: str
    product_id: str
    period_days: int
    grace_period_days: int
    listed_currency: Currency
    listed_value: int
    status: SubscriptionStatus
    started_at: str
    next_renewal_at: str
    lapses_at: str
    next_action_at: str | None
    cancelled_at: str | None
    cancellation_reason: str | None
    last_renewal_attempt_at: str | None
    consecutive_failures: int
    merchant_profile_id: str | None
    payment_provider_id: str | None


class SubscriptionCycle(msgspec.Struct, frozen=True, kw_only=True):
    """A cycle. ``superseded_at``: its invoice ended unpaid and another took its place.

    ``invoice_id`` is null when it costs nothing; it is the buyer's secret.
    """

    cycle_number: int
    invoice_id: str | None
    cycle_start_at: str
    cycle_end_at: str
    settled_at: str | None
    superseded_at: str | None
    told_at: str | None


class SubscriptionDetail(Subscription, frozen=True, kw_only=True):
    """A subscription with its latest cycles, newest first."""

    cycles: list[SubscriptionCycle]


class SubscriptionList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of subscriptions, newest first. ``total`` counts all that match."""

    subscriptions: list[Subscription]
    total: int
    limit: int
    offset: int


class SubscriptionCancellation(msgspec.Struct, frozen=True, kw_only=True):
    """It is cancelled. ``already``: it had ended before, in this state."""

    ok: bool
    subscription_id: str
    status: SubscriptionStatus | UnsetType = UNSET
    already: SubscriptionStatus | UnsetType = UNSET


def subscription_view(one: DomainSubscription) -> Subscription:
    """Render a subscription."""
    return Subscription(
        id=one.id,
        license_id=one.license_id,
        policy_id=one.policy_id,
        product_id=one.product_id,
        period_days=one.period_days,
        grace_period_days=one.grace_period_days,
        listed_currency=one.listed.currency,
        listed_value=one.listed.amount,
        status=one.status,
        started_at=rfc3339(one.started_at),
        next_renewal_at=rfc3339(one.next_renewal_at),
        lapses_at=rfc3339(one.lapses_at),
        next_action_at=rfc3339_or_none(one.next_action_at),
        cancelled_at=rfc3339_or_none(one.cancelled_at),
        cancellation_reason=one.cancellation_reason,
        last_renewal_attempt_at=rfc3339_or_none(one.last_renewal_attempt_at),
        consecutive_failures=one.consecutive_failures,
        merchant_profile_id=one.merchant_profile_id,
        payment_provider_id=one.account_id,
    )


def subscription_detail_view(shown: ShownSubscription) -> SubscriptionDetail:
    """Render a subscription with its cycles."""
    return SubscriptionDetail(
        **msgspec.structs.asdict(subscription_view(shown.subscription)),
        cycles=_cycles(shown.cycles),
    )


def subscription_list_view(
    page: SubscriptionPage, criteria: SubscriptionFilter
) -> SubscriptionList:
    """Render a page of subscriptions in the order given."""
    return SubscriptionList(
        subscriptions=[subscription_view(one) for one in page.subscriptions],
        total=page.total,
        limit=criteria.limit,
        offset=criteria.offset,
    )


def subscription_cancellation_view(done: CancelledSubscription) -> SubscriptionCancellation:
    """Render what a cancellation came to."""
    status = done.subscription.status
    return SubscriptionCancellation(
        ok=True,
        subscription_id=done.subscription.id,
        status=UNSET if done.is_already else status,
        already=status if done.is_already else UNSET,
    )


def _cycles(cycles: Sequence[DomainCycle]) -> list[SubscriptionCycle]:
    return [
        SubscriptionCycle(
            cycle_number=cycle.number,
            invoice_id=cycle.invoice_id,
            cycle_start_at=rfc3339(cycle.start_at),
            cycle_end_at=rfc3339(cycle.end_at),
            settled_at=rfc3339_or_none(cycle.settled_at),
            superseded_at=rfc3339_or_none(cycle.superseded_at),
            told_at=rfc3339_or_none(cycle.told_at),
        )
        for cycle in cycles
    ]
