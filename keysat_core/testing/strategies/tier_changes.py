"""Changes of tier."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import (
    CycleId,
    InvoiceId,
    LicenseId,
    MerchantProfileId,
    PolicyId,
    ProviderAccountId,
    SubscriptionId,
    TierChangeId,
)
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.domain.tier_effect import AppliedChange, Payer
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.licenses import licenses
from keysat_core.testing.strategies.money import money
from keysat_core.testing.strategies.subscriptions import cycles, subscriptions
from keysat_core.testing.strategies.text import names


def tier_changes(**fixed: Any) -> SearchStrategy[TierChange]:
    """Changes that wait, were applied or were withdrawn."""
    return built(
        TierChange,
        fixed,
        id=ids().map(TierChangeId),
        license_id=ids().map(LicenseId),
        from_policy_id=ids().map(PolicyId),
        to_policy_id=ids().map(PolicyId),
        direction=st.sampled_from(Direction),
        charge=money(),
        invoice_id=st.none() | ids().map(InvoiceId),
        effective_at=instants(),
        actor=st.sampled_from(ChangeActor),
        reason=st.none() | names(),
        created_at=instants(),
        applied_at=st.none() | instants(),
        withdrawn_at=st.none() | instants(),
    )


def applied_changes(**fixed: Any) -> SearchStrategy[AppliedChange]:
    """What a change leaves behind."""
    return built(
        AppliedChange,
        fixed,
        change=tier_changes(),
        license=licenses(),
        subscription=st.none() | subscriptions(),
        cycle=st.none() | cycles(),
        first_cycle=st.none() | cycles(),
        withdrawn=st.none() | tier_changes(),
    )


def payers(**fixed: Any) -> SearchStrategy[Payer]:
    """Who sells and collects."""
    return built(
        Payer,
        fixed,
        subscription_id=ids().map(SubscriptionId),
        cycle_id=st.none() | ids().map(CycleId),
        merchant_profile_id=st.none() | ids().map(MerchantProfileId),
        account_id=st.none() | ids().map(ProviderAccountId),
    )
