"""Invoices as operators list them: with the names around them, by what was asked for."""

from typing import Final

from keysat_adapters.sqlite.invoice_columns import INVOICES, read_invoice
from keysat_adapters.sqlite.licenses import folded
from keysat_adapters.sqlite.session import Row
from keysat_core.domain.listing import InvoiceFilter, InvoiceRow
from keysat_core.domain.merchant import ProviderKind

_WIDTH: Final = len(INVOICES.columns)
_ROWS: Final = INVOICES.select(
    "LEFT JOIN products ON products.id = invoices.product_id"
    " LEFT JOIN policies ON policies.id = invoices.policy_id"
    " LEFT JOIN payment_providers ON payment_providers.id = invoices.payment_provider_id"
    " LEFT JOIN licenses ON licenses.invoice_id = invoices.id ",
    also=(
        "products.slug",
        "policies.slug",
        "payment_providers.kind",
        "payment_providers.label",
        "payment_providers.id IS NOT NULL AND payment_providers.disconnected_at IS NULL",
        "licenses.id",
    ),
)
ROW_BY_ID: Final = _ROWS + "WHERE invoices.id = ?"
_KNOWN_AS: Final = (
    "invoices.id IN (SELECT id FROM invoices WHERE id = ?1 OR provider_invoice_id = ?1)"
)
# The condition of the index on them, or SQLite would not use it.
_NEEDS_ATTENTION: Final = (
    "(invoices.attention IS NOT NULL"
    " OR (invoices.status = 'settled' AND invoices.effect_at IS NULL))"
)


def read_invoice_row(row: Row) -> InvoiceRow:
    """Read an invoice and the names around it."""
    product_slug, policy_slug, kind, label, is_connected, license_id = row[_WIDTH:]
    return InvoiceRow(
        invoice=read_invoice(row),
        product_slug=product_slug,
        policy_slug=policy_slug,
        provider_kind=None if kind is None else ProviderKind(kind),
        provider_label=label,
        is_provider_connected=bool(is_connected),
        license_id=license_id,
    )


def list_statement(criteria: InvoiceFilter) -> tuple[str, tuple[str | int, ...]]:
    """Spell the query for a page of invoices, and its values."""
    where, values = _condition(criteria)
    order = "ORDER BY invoices.created_at DESC, invoices.id DESC LIMIT ? OFFSET ?"
    return _ROWS + where + order, (*values, criteria.limit, criteria.offset)


def count_statement(criteria: InvoiceFilter) -> tuple[str, tuple[str | int, ...]]:
    """Spell the query for how many invoices match, and its values."""
    where, values = _condition(criteria)
    return f"SELECT count(*) FROM invoices {where}", values  # noqa: S608  constants, values are bound


def _condition(criteria: InvoiceFilter) -> tuple[str, tuple[str | int, ...]]:
    terms = {
        # Numbered first: ?1 stands twice in it.
        _KNOWN_AS: criteria.invoice_id,
        "invoices.status = ?": criteria.status,
        "invoices.product_id = ?": criteria.product_id,
        "invoices.buyer_email_folded = ?": folded(criteria.buyer_email),
        "invoices.payment_provider_id = ?": criteria.provider_account_id,
    }
    given = {term: value for term, value in terms.items() if value is not None}
    parts = [*given, *([_NEEDS_ATTENTION] if criteria.is_attention_needed else [])]
    return (f"WHERE {' AND '.join(parts)} " if parts else ""), tuple(given.values())
