"""Invoices as rows."""

from typing import Final

from keysat_adapters.sqlite.days import window_of
from keysat_adapters.sqlite.invoice_columns import INVOICES, invoice_values, read_invoice
from keysat_adapters.sqlite.invoice_list import (
    ROW_BY_ID,
    count_invoices,
    list_statement,
    read_invoice_row,
)
from keysat_adapters.sqlite.session import Session
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.listing import (
    DueInvoice,
    InvoiceFilter,
    InvoicePage,
    InvoiceRow,
    RevenueSummary,
    RevenueWindow,
)
from keysat_core.errors import NotFound, StoreUnavailable
from keysat_core.limits import RECONCILE_BATCH, RECONCILE_DAYS

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
        (
            "INDEXED BY invoices_without_effect"
            " WHERE status = 'settled' AND effect_at IS NULL AND held_at IS NULL"
        ),
    )
)
# Of each account only so many, or one that is not asked at all would in the end fill the list.
_RANKED: Final = (
    "SELECT id, looked_at, created_at, row_number() OVER"  # noqa: S608  constants
    " (PARTITION BY payment_provider_id ORDER BY looked_at, created_at, id) AS place"
    f" FROM ({_DUE})"
)
# Nothing else of a row is read: one that is broken must not hide the others.
_UNRESOLVED: Final = (
    "SELECT invoices.id, invoices.status, invoices.payment_provider_id FROM invoices"  # noqa: S608  constants
    f" JOIN ({_RANKED}) AS ranked ON ranked.id = invoices.id WHERE ranked.place <= :of_each"
    " ORDER BY ranked.looked_at, ranked.created_at, ranked.id LIMIT :limit"
)

# Whole days are kept; of the others, the invoices themselves are added up.
_REVENUE: Final = (
    "SELECT coalesce(sum(sats), 0), coalesce(sum(number), 0) FROM ("
    "SELECT amount_sats AS sats, invoice_count AS number FROM revenue_days"
    " WHERE day >= ? AND day < ?"
    + " UNION ALL SELECT amount_sats, 1 FROM invoices WHERE status = 'settled' AND amount_sats > 0"
    " AND settled_at >= ? AND settled_at < ?" * 2 + ")"
)


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
        try:
            row = self._session.row(_BY_ID, (invoice_id,))
        except StoreUnavailable as exc:
            INVOICES.refuse_damaged(invoice_id, exc)
            raise
        return INVOICES.found(read_invoice, row)

    def find_invoice_at_provider(
        self, account_id: ProviderAccountId, provider_invoice_id: str
    ) -> Invoice | None:
        """Give the invoice an account knows by this id or None."""
        row = self._session.row(_AT_PROVIDER, (account_id, provider_invoice_id))
        return INVOICES.found(read_invoice, row)

    def find_unassigned_invoice(self, provider_invoice_id: str) -> Invoice | None:
        """Give the invoice that has this id at some provider and names none."""
        row = self._session.row(_UNASSIGNED, (provider_invoice_id,))
        return INVOICES.found(read_invoice, row)

    def put_invoice(self, invoice: Invoice) -> None:
        """Insert or replace an invoice."""
        self._session.run(_PUT, invoice_values(invoice))

    def list_unresolved(self, now: Instant, limit: int) -> list[DueInvoice]:
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
        return [
            DueInvoice(id=row[0], status=InvoiceStatus(row[1]), provider_account_id=row[2])
            for row in self._session.rows(_UNRESOLVED, values)
        ]

    def count_pending_of(self, account_id: ProviderAccountId) -> int:
        """Count the invoices of an account that still wait."""
        return self._session.number(
            "SELECT count(*) FROM invoices WHERE status = 'pending' AND payment_provider_id = ?",
            (account_id,),
        )

    def get_invoice_row(self, invoice_id: InvoiceId) -> InvoiceRow:
        """Give an invoice with the names an operator reads; raises ``NotFound``."""
        row = self._session.row(ROW_BY_ID, (invoice_id,))
        if row is None:
            raise NotFound("invoice", invoice_id)
        return INVOICES.value(read_invoice_row, row)

    def list_invoices(self, criteria: InvoiceFilter) -> InvoicePage:
        """Give a page of invoices, newest first, and how many match."""
        total = count_invoices(self._session, criteria)
        return InvoicePage(
            rows=tuple(self.list_invoice_rows(criteria)),
            total=total.number,
            is_total_exact=total.is_exact,
        )

    def list_invoice_rows(self, criteria: InvoiceFilter) -> list[InvoiceRow]:
        """Give a page of invoices, newest first."""
        total = count_invoices(self._session, criteria) if criteria.offset else None
        rows = self._session.rows(*list_statement(criteria, total))
        return INVOICES.values(read_invoice_row, rows)

    def revenue_summary(self, now: Instant) -> RevenueSummary:
        """Sum up settled invoices, in all and by settlement time."""
        whole = self.revenue_within(None, None)

        def sats_of_days(days: int) -> int:
            # The instant that lies exactly so long ago is not part of it.
            return self.revenue_within(Instant(now - days * DAY_SECONDS + 1), None).total_sats

        return RevenueSummary(
            total_sats=whole.total_sats,
            last_24h_sats=sats_of_days(1),
            last_7d_sats=sats_of_days(7),
            last_30d_sats=sats_of_days(30),
            settled_paid_invoice_count=whole.settled_paid_invoice_count,
        )

    def revenue_within(self, since: Instant | None, until: Instant | None) -> RevenueWindow:
        """Sum up what was settled in a time."""
        total, count = self._session.rows(_REVENUE, window_of(since, until).values)[0]
        return RevenueWindow(
            since=since, until=until, total_sats=total, settled_paid_invoice_count=count
        )
