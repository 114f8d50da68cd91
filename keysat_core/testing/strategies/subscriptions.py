"""Subscriptions and their cycles."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import (
    CycleId,
    InvoiceId,
    LicenseId,
    MerchantProfileId,
    PolicyId,
    ProductId,
    ProviderAccountId,
    SubscriptionId,
)
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.subscription import (
    Cancel,
    Cycle,
    FallDue,
    Lapse,
    Pay,
    Subscription,
    SubscriptionStatus,
)
from keysat_core.limits import INSTANT_MAX, SECONDS_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.money import money
from keysat_core.testing.strategies.text import names


def _paid_instants() -> SearchStrategy[Instant]:
    """Instants with room in the calendar for the longest cycle and license that may follow them."""
    return st.integers(0, INSTANT_MAX - 2 * SECONDS_MAX).map(Instant)


@st.composite
def subscriptions(draw: st.DrawFn, /, **fixed: Any) -> Subscription:
    """Subscriptions in every state."""
    status = fixed.get("status", draw(st.sampled_from(SubscriptionStatus)))
    is_cancelled = status is SubscriptionStatus.CANCELLED
    made = built(
        Subscription,
        {"status": status} | fixed,
        id=ids().map(SubscriptionId),
        license_id=ids().map(LicenseId),
        product_id=ids().map(ProductId),
        policy_id=ids().map(PolicyId),
        period_days=st.integers(1, 1_830),
        grace_period_days=st.integers(0, 90),
        license_grace_seconds=st.integers(0, 400 * DAY_SECONDS),
        listed=money(),
        started_at=instants(),
        next_renewal_at=_paid_instants(),
        next_action_at=st.none() | instants(),
        cancelled_at=instants() if is_cancelled else st.none(),
        cancellation_reason=st.none() | names(),
        last_renewal_attempt_at=st.none() | instants(),
        consecutive_failures=st.integers(0, 100),
        merchant_profile_id=st.none() | ids().map(MerchantProfileId),
        account_id=st.none() | ids().map(ProviderAccountId),
        updated_at=instants(),
    )
    return draw(made)


@st.composite
def cycles(draw: st.DrawFn, /, **fixed: Any) -> Cycle:
    """Cycles that wait, are paid, or were superseded."""
    start = fixed.get("start_at", draw(_paid_instants()))
    days = draw(st.integers(1, 1_830))
    made = built(
        Cycle,
        {"start_at": start, "end_at": Instant(start + days * DAY_SECONDS)} | fixed,
        id=ids().map(CycleId),
        subscription_id=ids().map(SubscriptionId),
        number=st.integers(1, 1_000),
        invoice_id=st.none() | ids().map(InvoiceId),
        settled_at=st.none() | instants(),
        superseded_at=st.none() | instants(),
        told_at=st.none() | instants(),
        created_at=instants(),
    )
    return draw(made)


def fall_dues() -> SearchStrategy[FallDue]:
    """What was paid is used up."""
    return st.builds(FallDue)


def pays() -> SearchStrategy[Pay]:
    """A cycle was paid."""
    return st.builds(Pay, next_renewal_at=instants())


def lapses() -> SearchStrategy[Lapse]:
    """It stayed unpaid."""
    return st.builds(Lapse)


def cancels() -> SearchStrategy[Cancel]:
    """Somebody ended it."""
    return st.builds(Cancel, reason=st.none() | names())
