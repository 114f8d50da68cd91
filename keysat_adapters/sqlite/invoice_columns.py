"""The columns of an invoice, and how a value becomes a row and is read back."""

from typing import Final

from keysat_adapters.sqlite.licenses import folded
from keysat_adapters.sqlite.session import Row
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.invoice import Attention, Invoice, InvoiceStatus, SettledBy
from keysat_core.domain.money import Currency
from keysat_core.domain.payment import Rail

INVOICES: Final = Table(
    "invoices",
    (
        "id",
        "product_id",
        "policy_id",
        "status",
        "amount_sats",
        "base_price_sats",
        "listed_currency",
        "listed_value",
        "exchange_rate_centibps",
        "exchange_rate_source",
        "buyer_email",
        "buyer_note",
        "rail",
        "redirect_url",
        "payment_provider_id",
        "provider_invoice_id",
        "provider_status_raw",
        "checkout_url",
        "created_at",
        "updated_at",
        "settled_at",
        "effect_at",
        "last_checked_at",
        "settled_by",
        "attention",
        "buyer_email_folded",
        "held_at",
    ),
)


def read_invoice(row: Row) -> Invoice:
    """Read an invoice from the first columns of a row."""
    return Invoice(
        id=row[0],
        product_id=row[1],
        policy_id=row[2],
        status=InvoiceStatus(row[3]),
        amount_sats=row[4],
        base_price_sats=row[5],
        listed_currency=None if row[6] is None else Currency(row[6]),
        listed_value=row[7],
        exchange_rate_centibps=row[8],
        exchange_rate_source=row[9],
        buyer_email=row[10],
        buyer_note=row[11],
        rail=None if row[12] is None else Rail(row[12]),
        redirect_url=row[13],
        provider_account_id=row[14],
        provider_invoice_id=row[15],
        provider_status_raw=row[16],
        checkout_url=row[17],
        created_at=row[18],
        updated_at=row[19],
        settled_at=row[20],
        effect_at=row[21],
        last_checked_at=row[22],
        settled_by=None if row[23] is None else SettledBy(row[23]),
        noted_attention=None if row[24] is None else Attention(row[24]),
        held_at=row[26],
    )


def invoice_values(invoice: Invoice) -> tuple[str | int | None, ...]:
    """Give an invoice's columns, in their order."""
    return (
        invoice.id,
        invoice.product_id,
        invoice.policy_id,
        invoice.status,
        invoice.amount_sats,
        invoice.base_price_sats,
        invoice.listed_currency,
        invoice.listed_value,
        invoice.exchange_rate_centibps,
        invoice.exchange_rate_source,
        invoice.buyer_email,
        invoice.buyer_note,
        invoice.rail,
        invoice.redirect_url,
        invoice.provider_account_id,
        invoice.provider_invoice_id,
        invoice.provider_status_raw,
        invoice.checkout_url,
        invoice.created_at,
        invoice.updated_at,
        invoice.settled_at,
        invoice.effect_at,
        invoice.last_checked_at,
        invoice.settled_by,
        invoice.noted_attention,
        folded(invoice.buyer_email),
        invoice.held_at,
    )
