"""Policies, their tips, and the terms a license copies from one."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.policy import Policy, Terms, Tip
from keysat_core.limits import (
    GRACE_PERIOD_DAYS_MAX,
    RENEWAL_PERIOD_DAYS_MAX,
    SEATS_MAX,
    SECONDS_MAX,
    TIER_RANK_MAX,
    TIP_BPS_MAX,
)
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.lightning import lightning_addresses
from keysat_core.testing.strategies.money import amounts
from keysat_core.testing.strategies.products import entitlements
from keysat_core.testing.strategies.text import names, objects, slugs


def tips(**fixed: Any) -> SearchStrategy[Tip]:
    """Shares of a sale for somebody else."""
    return built(
        Tip,
        fixed,
        recipient=lightning_addresses().map(str),
        pct_bps=st.integers(1, TIP_BPS_MAX),
        label=st.none() | names(),
    )


@st.composite
def policies(draw: st.DrawFn, /, **fixed: Any) -> Policy:
    """Tiers of every kind: perpetual, timed, recurring, trial, archived."""
    is_recurring: bool = fixed.get("is_recurring", draw(st.booleans()))
    period = st.integers(int(is_recurring), RENEWAL_PERIOD_DAYS_MAX)
    renewal_period_days: int = fixed.get("renewal_period_days", draw(period))
    trial_max = renewal_period_days if is_recurring else RENEWAL_PERIOD_DAYS_MAX
    return draw(
        built(
            Policy,
            fixed,
            id=ids().map(PolicyId),
            product_id=ids().map(ProductId),
            slug=slugs(),
            name=names(),
            duration_seconds=st.integers(0, SECONDS_MAX),
            grace_seconds=st.integers(0, SECONDS_MAX),
            max_machines=st.integers(0, SEATS_MAX),
            is_trial=st.booleans(),
            price_sats_override=st.none() | amounts(),
            entitlements=entitlements(),
            metadata=objects(),
            tip=st.none() | tips(),
            active=st.booleans(),
            public=st.booleans(),
            is_recurring=st.just(is_recurring),
            renewal_period_days=st.just(renewal_period_days),
            grace_period_days=st.integers(0, GRACE_PERIOD_DAYS_MAX),
            trial_days=st.integers(0, trial_max),
            tier_rank=st.none() | st.integers(0, TIER_RANK_MAX),
            archived_at=st.none() | instants(),
            created_at=instants(),
            updated_at=instants(),
        )
    )


def terms(**fixed: Any) -> SearchStrategy[Terms]:
    """What a license copies when it is issued."""
    return built(
        Terms,
        fixed,
        seconds=st.integers(0, SECONDS_MAX),
        grace_seconds=st.integers(0, SECONDS_MAX),
        max_machines=st.integers(0, SEATS_MAX),
        is_trial=st.booleans(),
        entitlements=entitlements(),
    )
