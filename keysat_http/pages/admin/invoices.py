"""Invoices: what was sold, paid, and what an operator should look at."""

from decimal import Decimal
from typing import Final

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Attention, InvoiceStatus
from keysat_core.domain.listing import InvoiceFilter, InvoiceRow
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.rate import CENTIBPS_PER_UNIT
from keysat_core.use_cases.products.list_products import list_products, show_product
from keysat_core.use_cases.purchases.list_invoices import list_invoices, show_invoice
from keysat_core.use_cases.zaprite.list_saved_payments import (
    ListedPayment,
    list_saved_payments,
)
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.licenses import member
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS, Rows, offset_of

ATTENTION_WORDS: Final = {
    Attention.PAID_LATE: "It was paid after it had expired. Settle it to deliver, or refund it there.",
    Attention.PARTIAL_PAYMENT: "Less than asked was paid. Refund it there, or settle it by hand.",
    Attention.PROCESSING_AFTER_EXPIRY: "A payment came as it expired and is not confirmed yet.",
    Attention.PROVIDER_DISCONNECTED: "Its payment account is not connected any more, so nobody can ask.",
    Attention.PROVIDER_REVERSED: (
        "The payment was taken back after delivery. The license still works; revoke it if you must."
    ),
    Attention.WITHOUT_EFFECT: "It is settled and nothing was delivered. See the log, and keysat doctor.",
}


@screen("/admin/invoices", needs=Scope.INVOICES_READ)
def show_invoices(frame: NamedDependency[Frame]) -> Response[str]:
    """List invoices, newest first."""
    store, query = frame.ports.store, frame.query
    products = list_products(frame.actor, is_inactive_included=True, store=store)
    chosen = next((one for one in products if one.slug == query.get("product")), None)
    offset = offset_of(query)
    page = list_invoices(
        frame.actor,
        InvoiceFilter(
            status=member(InvoiceStatus, query.get("status", "")),
            product_id=chosen.id if chosen else None,
            buyer_email=query.get("email", "").strip() or None,
            invoice_id=query.get("invoice", "").strip() or None,
            is_attention_needed=query.get("attention") == "yes",
            limit=SHOWN_ROWS,
            offset=offset,
        ),
        store=store,
    )
    return frame.page(
        "admin/invoices.html",
        listed=Rows(
            rows=page.rows,
            offset=offset,
            limit=SHOWN_ROWS,
            total=page.total,
            is_exact=page.is_total_exact,
        ),
        products=products,
        chosen=chosen,
        statuses=list(InvoiceStatus),
    )


@screen("/admin/invoices/{invoice_id:str}", needs=Scope.INVOICES_READ)
def show_invoice_screen(invoice_id: FromPath[str], frame: NamedDependency[Frame]) -> Response[str]:
    """Show one invoice, how it was priced and paid, and what can be done."""
    store = frame.ports.store
    row = show_invoice(frame.actor, InvoiceId(invoice_id), store=store)
    rate = row.invoice.exchange_rate_centibps
    return frame.page(
        "admin/invoice.html",
        row=row,
        invoice=row.invoice,
        product=show_product(frame.actor, row.invoice.product_id, store=store),
        rate=None if rate is None else f"{Decimal(rate) / CENTIBPS_PER_UNIT:,.2f}",
        attention=ATTENTION_WORDS.get(row.invoice.attention) if row.invoice.attention else None,
        saved=_saved_by(frame, row),
        is_pending=row.invoice.status is InvoiceStatus.PENDING,
        is_settled=row.invoice.status is InvoiceStatus.SETTLED,
    )


def _saved_by(frame: Frame, row: InvoiceRow) -> list[ListedPayment]:
    """Give what the buyer of an invoice saved at its account, among what was saved lately."""
    email = row.invoice.buyer_email
    is_chargeable = row.provider_kind is ProviderKind.ZAPRITE and email is not None
    if not is_chargeable or Scope.PAYMENT_PROVIDERS_READ not in frame.actor.scopes:
        return []
    page = list_saved_payments(frame.actor, limit=SHOWN_ROWS, offset=0, store=frame.ports.store)
    return [one for one in page.rows if one.buyer_email == email]
