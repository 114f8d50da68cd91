"""A receipt of a settled purchase, made for paper. Whoever has the invoice id may see it."""

from decimal import Decimal
from typing import Final

from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.money import Money
from keysat_core.domain.payment import Rail
from keysat_core.domain.rate import CENTIBPS_PER_UNIT, listed_value
from keysat_core.errors import NotFound, SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.show_purchase import PurchaseSheet
from keysat_http.pages.failures import show_failure
from keysat_http.pages.purchases import SHOWN_CHARS_MAX, find_purchase, masked
from keysat_http.pages.rendering import render_page
from keysat_http.pages.sellers import seller_of
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings

RAIL_WORDS: Final = {
    Rail.LIGHTNING: "Lightning",
    Rail.ONCHAIN: "Bitcoin on chain",
    Rail.CARD: "Card",
}

KIND_WORDS: Final = {
    ProviderKind.BTCPAY: "the seller's BTCPay Server",
    ProviderKind.ZAPRITE: "Zaprite",
    ProviderKind.SANDBOX: "the sandbox (pretend money)",
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
        item=_item(sheet),
        total=_total(invoice),
        buyer=masked(invoice.buyer_email),
        rate=None if rate is None else f"{Decimal(rate) / CENTIBPS_PER_UNIT:,.2f}",
        method=_method(sheet),
        seller=seller_of(sheet.profile, sheet.logo_version),
    )


def _item(sheet: PurchaseSheet) -> str:
    tier = f", {sheet.policy.name}" if sheet.policy else ""
    if sheet.change is not None:
        return (
            f"{sheet.product.name}: change of tier to {sheet.policy.name if sheet.policy else '?'}"
        )
    every = f"{sheet.subscription.period_days} days" if sheet.subscription else ""
    if sheet.is_renewal:
        return f"{sheet.product.name}{tier}: renewal for {every}" if every else sheet.product.name
    return f"{sheet.product.name}{tier}{f' (renewing every {every})' if every else ''}"


def _total(invoice: Invoice) -> Money | None:
    """Say in the listed currency what was paid; None for what is listed in sats."""
    rate = invoice.exchange_rate_centibps
    if invoice.listed_currency is None or rate is None:
        return None
    if invoice.amount_sats == invoice.base_price_sats:
        return invoice.listed
    return listed_value(invoice.amount_sats, invoice.listed_currency, rate)


def _method(sheet: PurchaseSheet) -> str:
    invoice = sheet.invoice
    if invoice.is_free:
        return "nothing to pay"
    rail = RAIL_WORDS[invoice.rail] if invoice.rail is not None else "Bitcoin"
    kind = sheet.kind if invoice.provider_account_id is not None else None
    return f"{rail}, through {KIND_WORDS[kind]}" if kind is not None else rail
