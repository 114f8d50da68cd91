"""A receipt of a settled purchase, made for paper. Whoever has the invoice id may see it."""

from decimal import Decimal
from typing import Final

from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.payment import Rail
from keysat_core.errors import NotFound, SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_http.pages.failures import show_failure
from keysat_http.pages.purchases import SHOWN_CHARS_MAX, find_purchase, masked
from keysat_http.pages.rendering import render_page
from keysat_http.pages.sellers import seller_of
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings

CENTIBPS: Final = 10_000
"""How invoices remember a rate: times this (lifecycles 14.1)."""
RAIL_WORDS: Final = {
    Rail.LIGHTNING: "Lightning",
    Rail.ONCHAIN: "Bitcoin on chain",
    Rail.CARD: "Card",
}


@get(
    "/receipt",
    exception_handlers={Exception: show_failure},
    raises=[NotFound, SigningKeyUnusable],
    media_type=MediaType.HTML,
    tags=["pages"],
)
def show_receipt(
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    invoice_id: FromQuery[str] = "",
) -> Response[str]:
    """Show what was bought of whom, and how it was paid."""
    sheet = find_purchase(invoice_id[:SHOWN_CHARS_MAX], ports)
    if sheet is None:
        raise NotFound("invoice", invoice_id[:SHOWN_CHARS_MAX])
    invoice = sheet.invoice
    rate = invoice.exchange_rate_centibps
    return render_page(
        "receipt.html",
        ports=ports,
        settings=settings,
        sheet=sheet,
        invoice=invoice,
        is_paid=invoice.status is InvoiceStatus.SETTLED,
        buyer=masked(invoice.buyer_email),
        rate=None if rate is None else f"{Decimal(rate) / CENTIBPS:,.2f}",
        rail=RAIL_WORDS[invoice.rail] if invoice.rail is not None else None,
        seller=seller_of(sheet.profile),
    )
