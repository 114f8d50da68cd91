"""Invoices as rows."""

from typing import Final

from keysat_adapters.sqlite.licenses import folded
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, Instant
from keysat_core.domain.invoice import Attention, Invoice, InvoiceStatus, SettledBy
from keysat_core.domain.listing import InvoiceFilter, InvoicePage, InvoiceRow, RevenueSummary
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.money import Currency
from keysat_core.domain.payment import Rail
from keysat_core.errors import NotFound
from keysat_core.limits import RECONCILE_BATCH, RECONCILE_DAYS

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
    ),
)
_WIDTH: Final = len(INVOICES.columns)
_BY_ID: Final = INVOICES.select("WHERE id = ?")
_AT_PROVIDER: Final = INVOICES.select("WHERE payment_provider_id = ? AND provider_invoice_id = ?")
_UNASSIGNED: Final = INVOICES.select(
    "WHERE provider_invoice_id = ? AND payment_provider_id IS NULL LIMIT 1"
)
_PUT: Final = INVOICES.upsert()

# One part per index. A new invoice queues behind those checked before it was made, so that a
# stream of new ones cannot keep an older one waiting. A check stamped in the future was made by a clock that has been set back since.
_DUE: Final = " UNION ALL ".join(
    "SELECT id, payment_provider_id, coalesce(last_checked_at, created_at) AS looked_at, created_at"  # noqa: S608  constants
    f" FROM invoices {which}"
    for which in (
        (
            "WHERE status = 'pending' AND (last_checked_at IS NULL"
            " OR created_at > :fresh OR last_checked_at > :now OR last_checked_at <= :day_ago"
            " OR (created_at > :recent AND last_checked_at <= :ten_minutes_ago))"
        ),
        (
            "WHERE status IN ('expired', 'invalid') AND created_at > :oldest"
            " AND (payment_provider_id IS NOT NULL OR provider_invoice_id IS NOT NULL)"
            " AND (provider_invoice_id IS NOT NULL OR created_at > :recent)"
            " AND (last_checked_at IS NULL"
            " OR last_checked_at > :now OR last_checked_at <= :day_ago"
            " OR (created_at > :recent AND last_checked_at <= :quarter_ago))"
        ),
        "INDEXED BY invoices_without_effect WHERE status = 'settled' AND effect_at IS NULL",
    )
)
# Of each account only so many, or one that is not asked at all would in the end fill the list.
_RANKED: Final = (
    "SELECT id, looked_at, created_at, row_number() OVER"  # noqa: S608  constants
    " (PARTITION BY payment_provider_id ORDER BY looked_at, created_at, id) AS place"
    f" FROM ({_DUE})"
)
_UNRESOLVED: Final = INVOICES.select(
    f"JOIN ({_RANKED}) AS ranked ON ranked.id = invoices.id WHERE ranked.place <= :of_each"
    " ORDER BY ranked.looked_at, ranked.created_at, ranked.id LIMIT :limit"
)

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
_ROW_BY_ID: Final = _ROWS + "WHERE invoices.id = ?"
_KNOWN_AS: Final = (
    "invoices.id IN (SELECT id FROM invoices WHERE id = ?1 OR provider_invoice_id = ?1)"
)
# The condition of the index on them, or SQLite would not use it.
_NEEDS_ATTENTION: Final = (
    "(invoices.attention IS NOT NULL"
    " OR (invoices.status = 'settled' AND invoices.effect_at IS NULL))"
)

_REVENUE: Final = (
    "SELECT coalesce(sum(amount_sats), 0), count(*) FROM invoices"
    " WHERE status = 'settled' AND amount_sats > 0"
)


def _invoice(row: Row) -> Invoice:
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
    )


def _invoice_row(row: Row) -> InvoiceRow:
    product_slug, policy_slug, kind, label, is_connected, license_id = row[_WIDTH:]
    return InvoiceRow(
        invoice=_invoice(row),
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


class SQLiteInvoices:
    """Implements ``ports.store.Invoices``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_invoice(self, invoice_id: InvoiceId) -> Invoice:
        """Give an invoice; raises ``NotFound``."""
        invoice = self.find_invoice(invoice_id)
        if invoice is None:
            raise NotFound("invoice", invoice_id)
        return invoice

    def find_invoice(self, invoice_id: InvoiceId) -> Invoice | None:
        """Give an invoice or None."""
        return INVOICES.found(_invoice, self._session.row(_BY_ID, (invoice_id,)))

    def find_invoice_at_provider(
        self, account_id: ProviderAccountId, provider_invoice_id: str
    ) -> Invoice | None:
        """Give the invoice an account knows by this id or None."""
        row = self._session.row(_AT_PROVIDER, (account_id, provider_invoice_id))
        return INVOICES.found(_invoice, row)

    def find_unassigned_invoice(self, provider_invoice_id: str) -> Invoice | None:
        """Give the invoice that has this id at some provider and names none."""
        row = self._session.row(_UNASSIGNED, (provider_invoice_id,))
        return INVOICES.found(_invoice, row)

    def put_invoice(self, invoice: Invoice) -> None:
        """Insert or replace an invoice."""
        self._session.run(
            _PUT,
            (
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
            ),
        )

    def list_unresolved(self, now: Instant, limit: int) -> list[Invoice]:
        """Give the invoices the reconciler should ask about now, least recently checked first."""
        values = {
            "now": now,
            "oldest": now - RECONCILE_DAYS * DAY_SECONDS,
            "recent": now - 72 * HOUR_SECONDS,
            "fresh": now - 2 * HOUR_SECONDS,
            "ten_minutes_ago": now - 600,
            "quarter_ago": now - 900,
            "day_ago": now - DAY_SECONDS,
            "of_each": RECONCILE_BATCH + 1,
            "limit": max(0, limit),
        }
        return INVOICES.values(_invoice, self._session.rows(_UNRESOLVED, values))

    def count_pending_of(self, account_id: ProviderAccountId) -> int:
        """Count the invoices of an account that still wait."""
        return self._session.number(
            "SELECT count(*) FROM invoices WHERE status = 'pending' AND payment_provider_id = ?",
            (account_id,),
        )

    def get_invoice_row(self, invoice_id: InvoiceId) -> InvoiceRow:
        """Give an invoice with the names an operator reads; raises ``NotFound``."""
        row = self._session.row(_ROW_BY_ID, (invoice_id,))
        if row is None:
            raise NotFound("invoice", invoice_id)
        return INVOICES.value(_invoice_row, row)

    def list_invoices(self, criteria: InvoiceFilter) -> InvoicePage:
        """Give a page of invoices, newest first, and how many match."""
        rows = self._session.rows(*list_statement(criteria))
        return InvoicePage(
            rows=tuple(INVOICES.values(_invoice_row, rows)),
            total=self._session.number(*count_statement(criteria)),
        )

    def revenue_summary(self, now: Instant) -> RevenueSummary:
        """Sum up settled invoices, in all and by settlement time."""
        total, count = self._session.rows(_REVENUE)[0]

        def sats_since_days(days: int) -> int:
            since = f"{_REVENUE} AND settled_at > ?"
            return self._session.number(since, (now - days * DAY_SECONDS,))

        return RevenueSummary(
            total_sats=total,
            last_24h_sats=sats_since_days(1),
            last_7d_sats=sats_since_days(7),
            last_30d_sats=sats_since_days(30),
            settled_paid_invoice_count=count,
        )
