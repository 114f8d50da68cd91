"""Payment methods that buyers let Zaprite keep, and charges of them. Source: payments 7.6."""

import msgspec

from keysat_core.domain.instant import rfc3339_or_none
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.saved_payment import CaptureState, ChargeState
from keysat_core.use_cases.zaprite.charge_invoice import ChargedInvoice
from keysat_core.use_cases.zaprite.list_saved_payments import ListedPayment, SavedPage


class SavedMethod(msgspec.Struct, frozen=True, kw_only=True):
    """The payment method of one sale. ``charge``: how charging that sale's own invoice went."""

    invoice_id: str
    provider_id: str
    buyer_email: str | None
    state: CaptureState
    method: str | None
    expires_at: str | None
    looks: int
    charge: ChargeState | None


class SavedMethodList(msgspec.Struct, frozen=True, kw_only=True):
    """Saved payment methods, newest first. ``total`` counts all of them."""

    saved_payments: list[SavedMethod]
    total: int


class ChargeOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a charge went, and how its invoice stands now.

    ``already``: there was a charge of this invoice before, and no second one was made.
    """

    invoice_id: str
    charge: ChargeState
    provider_status: str
    detail: str
    already: bool
    invoice_status: InvoiceStatus


def saved_method_list_view(page: SavedPage) -> SavedMethodList:
    """Show a page of saved methods in the order given."""
    return SavedMethodList(saved_payments=[_method(row) for row in page.rows], total=page.total)


def charge_view(charged: ChargedInvoice, invoice_status: InvoiceStatus) -> ChargeOutcome:
    """Show the one charge of an invoice."""
    made = charged.charge
    return ChargeOutcome(
        invoice_id=made.invoice_id,
        charge=made.state,
        provider_status=made.raw_status,
        detail=made.detail,
        already=not charged.is_new,
        invoice_status=invoice_status,
    )


def _method(row: ListedPayment) -> SavedMethod:
    profile = row.saved.profile
    return SavedMethod(
        invoice_id=row.saved.invoice_id,
        provider_id=row.saved.account_id,
        buyer_email=row.buyer_email,
        state=row.saved.state,
        method=profile.method if profile else None,
        expires_at=rfc3339_or_none(profile.expires_at) if profile else None,
        looks=row.saved.looks,
        charge=row.charge.state if row.charge else None,
    )
