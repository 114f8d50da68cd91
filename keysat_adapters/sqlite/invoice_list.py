"""Invoices as operators list them: with the names around them, by what was asked for."""

from typing import Final

from keysat_adapters.sqlite.invoice_columns import INVOICES, read_invoice
from keysat_adapters.sqlite.licenses import folded
from keysat_adapters.sqlite.list_query import Bound, ListQuery, kept_total
from keysat_adapters.sqlite.session import Row, Session
from keysat_core.domain.listing import InvoiceFilter, InvoiceRow, Total
from keysat_core.domain.merchant import ProviderKind

_WIDTH: Final = len(INVOICES.columns)
_NAMED: Final = (
    "LEFT JOIN products ON products.id = invoices.product_id"
    " LEFT JOIN policies ON policies.id = invoices.policy_id"
    " LEFT JOIN payment_providers ON payment_providers.id = invoices.payment_provider_id"
    " LEFT JOIN licenses ON licenses.invoice_id = invoices.id"
)
_NAMES: Final = (
    "products.slug",
    "policies.slug",
    "payment_providers.kind",
    "payment_providers.label",
    "payment_providers.id IS NOT NULL AND payment_providers.disconnected_at IS NULL",
    "licenses.id",
)
ROW_BY_ID: Final = INVOICES.select(f"{_NAMED} WHERE invoices.id = ?", also=_NAMES)
_KNOWN_AS: Final = "id IN (SELECT id FROM invoices WHERE id = ?1 OR provider_invoice_id = ?1)"
# The condition of the index on them, or SQLite would not use it.
_NEEDS_ATTENTION: Final = "(attention IS NOT NULL OR (status = 'settled' AND effect_at IS NULL))"


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


def list_query(criteria: InvoiceFilter) -> ListQuery:
    """Say which invoices are asked for, by the index that leaves fewest."""
    query = (
        ListQuery(table="invoices", order=("created_at", "id"))
        .where(_KNOWN_AS, criteria.invoice_id)
        .matching({"buyer_email_folded": folded(criteria.buyer_email)})
    )
    if criteria.is_attention_needed:
        query = query.where(_NEEDS_ATTENTION)
    is_narrow = bool(query.conditions)
    query = query.matching(
        {"product_id": criteria.product_id, "payment_provider_id": criteria.provider_account_id}
    ).within("created_at", criteria.since, criteria.until)
    if criteria.behind is not None:
        query = query.before(*criteria.behind)
    # An index by status follows that of the product or account.
    sign = "+" if is_narrow else ""
    return query.where(f"{sign}status = ?", criteria.status)


def list_statement(
    criteria: InvoiceFilter, total: Total | None = None
) -> tuple[str, tuple[Bound, ...]]:
    """Spell the query for a page of invoices, and its values."""
    return list_query(criteria).page(
        INVOICES,
        _NAMED,
        also=_NAMES,
        limit=criteria.limit,
        offset=criteria.offset,
        total=total,
    )


def count_invoices(session: Session, criteria: InvoiceFilter) -> Total:
    """Count the invoices that match."""
    asked = (criteria.buyer_email, criteria.invoice_id, criteria.since, criteria.until)
    if criteria.is_attention_needed or any(one is not None for one in asked):
        return list_query(criteria).total(session)
    keys = (criteria.product_id, criteria.provider_account_id, criteria.status)
    return kept_total(session, "invoices", keys)
