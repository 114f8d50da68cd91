"""Invoices as operators see them. Amounts are in sats, or in the smallest unit of their currency."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.invoice import Attention, InvoiceStatus, SettledBy
from keysat_core.domain.listing import InvoiceFilter, InvoicePage, InvoiceRow
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.money import Currency
from keysat_core.domain.payment import Rail
from keysat_core.use_cases.purchases.settle_by_hand import SettledByHand


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice. Whoever has its ``id`` can read the key sold with it, so treat it as a secret.

    ``attention`` says why to look at it, ``settled_by`` on whose word it was settled; the four
    fields of the listed price are null for prices in sats. ``exchange_rate_centibps`` is the price
    of a bitcoin times 10 000.
    """

    id: str
    product_id: str
    product_slug: str | None
    policy_id: str | None
    policy_slug: str | None
    status: InvoiceStatus
    attention: Attention | None
    amount_sats: int
    base_price_sats: int
    listed_currency: Currency | None
    listed_value: int | None
    exchange_rate_centibps: int | None
    exchange_rate_source: str | None
    rail: Rail | None
    buyer_email: str | None
    buyer_note: str | None
    payment_provider_id: str | None
    payment_provider_kind: ProviderKind | None
    payment_provider_label: str | None
    payment_provider_connected: bool
    provider_invoice_id: str | None
    provider_status_raw: str | None
    checkout_url: str
    license_id: str | None
    settled_by: SettledBy | None
    created_at: str
    updated_at: str
    settled_at: str | None
    effect_at: str | None
    last_checked_at: str | None


class InvoiceList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of invoices, newest first. ``total`` counts all that match, if it is exact."""

    invoices: list[Invoice]
    total: int
    is_total_exact: bool
    limit: int
    offset: int


class SettledInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """A settled invoice and the license it paid for. ``already``: it was settled before."""

    ok: bool
    invoice: Invoice
    license_id: str | None
    already: str | UnsetType = UNSET


def invoice_view(row: InvoiceRow) -> Invoice:
    """Render an invoice."""
    invoice = row.invoice
    return Invoice(
        id=invoice.id,
        product_id=invoice.product_id,
        product_slug=row.product_slug,
        policy_id=invoice.policy_id,
        policy_slug=row.policy_slug,
        status=invoice.status,
        attention=invoice.attention,
        amount_sats=invoice.amount_sats,
        base_price_sats=invoice.base_price_sats,
        listed_currency=invoice.listed_currency,
        listed_value=invoice.listed_value,
        exchange_rate_centibps=invoice.exchange_rate_centibps,
        exchange_rate_source=invoice.exchange_rate_source,
        rail=invoice.rail,
        buyer_email=invoice.buyer_email,
        buyer_note=invoice.buyer_note,
        payment_provider_id=invoice.provider_account_id,
        payment_provider_kind=row.provider_kind,
        payment_provider_label=row.provider_label,
        payment_provider_connected=row.is_provider_connected,
        provider_invoice_id=invoice.provider_invoice_id,
        provider_status_raw=invoice.provider_status_raw,
        checkout_url=invoice.checkout_url,
        license_id=row.license_id,
        settled_by=invoice.settled_by,
        created_at=rfc3339(invoice.created_at),
        updated_at=rfc3339(invoice.updated_at),
        settled_at=rfc3339_or_none(invoice.settled_at),
        effect_at=rfc3339_or_none(invoice.effect_at),
        last_checked_at=rfc3339_or_none(invoice.last_checked_at),
    )


def invoice_list_view(page: InvoicePage, criteria: InvoiceFilter) -> InvoiceList:
    """Render a page of invoices in the order given."""
    return InvoiceList(
        invoices=[invoice_view(row) for row in page.rows],
        total=page.total,
        is_total_exact=page.is_total_exact,
        limit=criteria.limit,
        offset=criteria.offset,
    )


def settled_invoice_view(settled: SettledByHand) -> SettledInvoice:
    """Render what settling by hand came to."""
    return SettledInvoice(
        ok=True,
        invoice=invoice_view(settled.row),
        license_id=settled.row.license_id,
        already=InvoiceStatus.SETTLED if settled.is_already else UNSET,
    )
