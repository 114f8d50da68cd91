"""Webhook receipts as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.receipt import ReceiptOutcome, WebhookReceipt
from keysat_core.limits import RECEIPTS_BATCH

RECEIPTS: Final = Table(
    "webhook_receipts",
    (
        "id",
        "payment_provider_id",
        "type",
        "provider_invoice_id",
        "invoice_id",
        "delivery_id",
        "outcome",
        "received_at",
    ),
)
_PUT: Final = RECEIPTS.upsert()
_UNMATCHED: Final = RECEIPTS.select(
    "WHERE payment_provider_id = ? AND provider_invoice_id = ? AND outcome = 'unmatched'"
    f" ORDER BY received_at, rowid LIMIT {RECEIPTS_BATCH}"
)
_NOTED: Final = RECEIPTS.select("WHERE outcome = 'noted' ORDER BY received_at, rowid LIMIT ?")
_PURGE: Final = (
    "DELETE FROM webhook_receipts WHERE rowid IN"
    " (SELECT rowid FROM webhook_receipts WHERE received_at < ? ORDER BY received_at LIMIT ?)"
)


def _receipt(row: Row) -> WebhookReceipt:
    return WebhookReceipt(
        id=row[0],
        provider_account_id=row[1],
        type=row[2],
        provider_invoice_id=row[3],
        invoice_id=row[4],
        delivery_id=row[5],
        outcome=ReceiptOutcome(row[6]),
        received_at=row[7],
    )


class SQLiteReceipts:
    """Implements ``ports.store.Receipts``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put_receipt(self, receipt: WebhookReceipt) -> None:
        """Insert or replace a receipt."""
        self._session.run(
            _PUT,
            (
                receipt.id,
                receipt.provider_account_id,
                receipt.type,
                receipt.provider_invoice_id,
                receipt.invoice_id,
                receipt.delivery_id,
                receipt.outcome,
                receipt.received_at,
            ),
        )

    def list_unmatched(
        self, account_id: ProviderAccountId, provider_invoice_id: str
    ) -> list[WebhookReceipt]:
        """Give receipts that came before our record of the invoice, oldest first."""
        rows = self._session.rows(_UNMATCHED, (account_id, provider_invoice_id))
        return RECEIPTS.values(_receipt, rows)

    def list_noted(self, limit: int) -> list[WebhookReceipt]:
        """Give receipts that are not dealt with yet, oldest first."""
        return RECEIPTS.values(_receipt, self._session.rows(_NOTED, (max(0, limit),)))

    def purge_receipts(self, before: Instant, limit: int) -> int:
        """Remove up to ``limit`` receipts that came before an instant, oldest first."""
        return self._session.run(_PURGE, (before, max(0, limit)))
