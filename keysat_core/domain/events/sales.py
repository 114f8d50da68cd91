"""Events about sales: what became of an invoice."""

from keysat_core.domain.events.event import Event
from keysat_core.domain.invoice import Invoice


class InvoiceCharged(Event, frozen=True, kw_only=True):
    """A saved payment method was charged for an invoice, or not; ``state`` as of a charge."""

    event_type = "invoice.charged"
    is_published = False
    invoice_id: str
    state: str


class PaymentSaved(Event, frozen=True, kw_only=True):
    """The payment method a buyer let the provider keep was found and can be charged."""

    event_type = "invoice.payment_saved"
    is_published = False
    invoice_id: str


class TipChanged(Event, frozen=True, kw_only=True):
    """A tip is being paid, was sent, or ended unsent; ``status`` as of a tip."""

    event_type = "tip.changed"
    is_published = False
    tip_id: str
    license_id: str
    status: str


class InvoiceOpened(Event, frozen=True, kw_only=True):
    """A buyer started a purchase."""

    event_type = "invoice.opened"
    is_published = False
    invoice_id: str
    product_id: str
    amount_sats: int


class ProviderInvoiceRecorded(Event, frozen=True, kw_only=True):
    """A provider was asked to collect a purchase, and its invoice is known."""

    event_type = "invoice.provider_invoice_recorded"
    is_published = False
    invoice_id: str
    provider_invoice_id: str


class InvoicePaid(Event, frozen=True, kw_only=True):
    """A payment was confirmed."""

    event_type = "invoice.paid"
    invoice_id: str
    product_id: str
    policy_id: str | None
    amount_sats: int


class InvoiceSettled(Event, frozen=True, kw_only=True):
    """A sale is settled, on whose word it says: nobody's when there was nothing to pay.

    It comes with ``invoice.paid``, which says less; whoever asks for both is told of both, once each.
    """

    event_type = "invoice.settled"
    invoice_id: str
    product_id: str
    policy_id: str | None
    amount_sats: int
    settled_by: str | None


class InvoiceExpired(Event, frozen=True, kw_only=True):
    """A sale ended unpaid: in time, in vain, or before it began. ``status``: expired or invalid."""

    event_type = "invoice.expired"
    invoice_id: str
    product_id: str
    policy_id: str | None
    amount_sats: int
    status: str


class InvoiceRefunded(Event, frozen=True, kw_only=True):
    """The provider gave the money back or withdrew its confirmation; nothing is revoked by itself."""

    event_type = "invoice.refunded"
    invoice_id: str
    product_id: str
    policy_id: str | None
    amount_sats: int


def invoice_paid(invoice: Invoice) -> InvoicePaid:
    """Describe a confirmed payment."""
    return InvoicePaid(
        invoice_id=invoice.id,
        product_id=invoice.product_id,
        policy_id=invoice.policy_id,
        amount_sats=invoice.amount_sats,
    )


def invoice_settled(invoice: Invoice) -> InvoiceSettled:
    """Describe a sale that is settled (admin-api B-35)."""
    return InvoiceSettled(
        invoice_id=invoice.id,
        product_id=invoice.product_id,
        policy_id=invoice.policy_id,
        amount_sats=invoice.amount_sats,
        settled_by=invoice.settled_by,
    )


def invoice_ended(invoice: Invoice) -> InvoiceExpired:
    """Describe a sale that ended unpaid."""
    return InvoiceExpired(
        invoice_id=invoice.id,
        product_id=invoice.product_id,
        policy_id=invoice.policy_id,
        amount_sats=invoice.amount_sats,
        status=invoice.status,
    )
