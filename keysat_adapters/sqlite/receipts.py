"""Webhook receipts as rows."""

from collections.abc import Set as AbstractSet
from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.payment import ProviderStatus
from keysat_core.domain.receipt import (
    LOOK_ON_SECONDS,
    DueReceipt,
    ReceiptOutcome,
    WebhookReceipt,
)
from keysat_core.errors import StoreUnavailable
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
        "original_delivery_id",
        "claim",
        "looks",
        "next_look_at",
    ),
)
_PUT: Final = RECEIPTS.upsert()
_UNMATCHED: Final = RECEIPTS.select(
    "WHERE payment_provider_id = ? AND provider_invoice_id = ? AND outcome = 'unmatched'"
    f" ORDER BY received_at, rowid LIMIT {RECEIPTS_BATCH}"
)
_BY_ID: Final = RECEIPTS.select("WHERE id = ?")
# A time to look that lies far ahead was written by a clock that has been set back since.
_NOTED: Final = (
    "SELECT id, payment_provider_id FROM webhook_receipts"  # noqa: S608  constants
    " WHERE outcome = 'noted' AND (coalesce(next_look_at, received_at) <= :now"
    f" OR coalesce(next_look_at, received_at) > :now + {LOOK_ON_SECONDS})"
    " AND payment_provider_id NOT IN (SELECT value FROM json_each(:but_of))"
    " ORDER BY coalesce(next_look_at, received_at), rowid LIMIT :limit"
)
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
        original_delivery_id=row[8],
        claim=None if row[9] is None else ProviderStatus(row[9]),
        looks=row[10],
        next_look_at=row[11],
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
                receipt.original_delivery_id,
                receipt.claim,
                receipt.looks,
                receipt.next_look_at,
            ),
        )

    def list_unmatched(
        self, account_id: ProviderAccountId, provider_invoice_id: str
    ) -> list[WebhookReceipt]:
        """Give receipts that came before our record of the invoice, oldest first."""
        rows = self._session.rows(_UNMATCHED, (account_id, provider_invoice_id))
        return RECEIPTS.values(_receipt, rows)

    def find_receipt(self, receipt_id: str) -> WebhookReceipt | None:
        """Give a receipt or None."""
        try:
            row = self._session.row(_BY_ID, (receipt_id,))
        except StoreUnavailable as exc:
            RECEIPTS.refuse_damaged(receipt_id, exc)
            raise
        return RECEIPTS.found(_receipt, row)

    def list_noted(
        self, now: Instant, limit: int, *, but_of: AbstractSet[ProviderAccountId]
    ) -> list[DueReceipt]:
        """Give receipts whose invoice is to be looked at by now, longest due first."""
        values: dict[str, int | str] = {
            "now": now,
            "limit": max(0, limit),
            "but_of": json_text(sorted(but_of)),
        }
        return [
            DueReceipt(id=row[0], provider_account_id=row[1])
            for row in self._session.rows(_NOTED, values)
        ]

    def purge_receipts(self, before: Instant, limit: int) -> int:
        """Remove up to ``limit`` receipts that came before an instant, oldest first."""
        return self._session.run(_PURGE, (before, max(0, limit)))
