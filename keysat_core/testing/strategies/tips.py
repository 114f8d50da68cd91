"""Tips, and what may happen to one."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, TipId
from keysat_core.domain.tip import (
    Begin,
    Deliver,
    Fail,
    Skip,
    TipAttempt,
    TipEvent,
    TipFilter,
    TipStatus,
)
from keysat_core.limits import OFFSET_MAX, TIP_BPS_MAX, TIPS_PAGE_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.lightning import lightning_addresses
from keysat_core.testing.strategies.money import amounts
from keysat_core.testing.strategies.text import digests, names, texts


def tip_attempts(**fixed: Any) -> SearchStrategy[TipAttempt]:
    """Tips in every state."""
    return built(
        TipAttempt,
        fixed,
        id=ids().map(TipId),
        license_id=ids().map(LicenseId),
        policy_id=ids().map(PolicyId),
        invoice_id=st.none() | ids().map(InvoiceId),
        recipient=lightning_addresses().map(str),
        amount_sats=amounts(),
        pct_bps=st.integers(0, TIP_BPS_MAX),
        label=st.none() | names(),
        status=st.sampled_from(TipStatus),
        detail=st.none() | texts(),
        payment_hash=st.none() | digests(),
        bolt11=st.none() | texts(),
        looks=st.integers(0, 1_000),
        tried_at=st.none() | instants(),
        next_at=st.none() | instants(),
        created_at=instants(),
        updated_at=instants(),
    )


def tip_filters(**fixed: Any) -> SearchStrategy[TipFilter]:
    """Questions for tips."""
    return built(
        TipFilter,
        fixed,
        license_id=st.none() | ids().map(LicenseId),
        policy_id=st.none() | ids().map(PolicyId),
        recipient=st.none() | names(),
        limit=st.integers(1, TIPS_PAGE_MAX),
        offset=st.integers(0, OFFSET_MAX),
    )


def begins(**fixed: Any) -> SearchStrategy[Begin]:
    """It is about to be paid."""
    return built(Begin, fixed, bolt11=texts(chars_min=1), payment_hash=digests())


def delivers() -> SearchStrategy[Deliver]:
    """It was paid."""
    return st.builds(Deliver)


def fails(**fixed: Any) -> SearchStrategy[Fail]:
    """It was not and will not be paid."""
    return built(Fail, fixed, reason=texts(chars_max=1_000))


def skips(**fixed: Any) -> SearchStrategy[Skip]:
    """A rule says not to pay it."""
    return built(Skip, fixed, reason=texts(chars_max=1_000))


def tip_events() -> SearchStrategy[TipEvent]:
    """Whatever may happen to a tip, in any state."""
    return st.one_of(begins(), delivers(), fails(), skips())
