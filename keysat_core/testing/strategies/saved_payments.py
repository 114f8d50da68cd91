"""Payment methods that buyers let a provider keep, and charges of them."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.saved_payment import (
    CaptureState,
    Charge,
    ChargeReport,
    ChargeState,
    Confirm,
    Decline,
    Lose,
    Refuse,
    SavedPayment,
    SavedProfile,
)
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import names, texts


def saved_profiles(**fixed: Any) -> SearchStrategy[SavedProfile]:
    """Payment methods as a provider keeps them."""
    return built(
        SavedProfile,
        fixed,
        contact_id=names(),
        profile_id=names(),
        method=st.none() | texts(),
        expires_at=st.none() | instants(),
    )


@st.composite
def saved_payments(draw: st.DrawFn, /, **fixed: Any) -> SavedPayment:
    """What is known of the methods that sales left behind, found or not."""
    state = fixed.get("state", draw(st.sampled_from(CaptureState)))
    is_saved, is_wanted = state is CaptureState.SAVED, state is CaptureState.WANTED
    made = built(
        SavedPayment,
        {"state": state} | fixed,
        invoice_id=ids().map(InvoiceId),
        account_id=ids().map(ProviderAccountId),
        looks=st.integers(0, 100),
        next_at=instants() if is_wanted else st.none(),
        profile=saved_profiles() if is_saved else st.none(),
        created_at=instants(),
        updated_at=instants(),
    )
    return draw(made)


def charges(**fixed: Any) -> SearchStrategy[Charge]:
    """Charges in every state."""
    return built(
        Charge,
        fixed,
        invoice_id=ids().map(InvoiceId),
        saved_invoice_id=st.none() | ids().map(InvoiceId),
        profile_id=names(),
        state=st.sampled_from(ChargeState),
        raw_status=texts(),
        detail=texts(),
        created_at=instants(),
        updated_at=instants(),
    )


def charge_reports(**fixed: Any) -> SearchStrategy[ChargeReport]:
    """Whatever a provider may answer to a charge."""
    return built(ChargeReport, fixed, is_paid=st.booleans(), raw_status=texts())


def confirms() -> SearchStrategy[Confirm]:
    """The provider says that it is paid."""
    return st.builds(Confirm)


def declines() -> SearchStrategy[Decline]:
    """The provider says something else."""
    return st.builds(Decline)


def refuses() -> SearchStrategy[Refuse]:
    """The provider refuses."""
    return st.builds(Refuse)


def loses() -> SearchStrategy[Lose]:
    """The answer is lost."""
    return st.builds(Lose)
