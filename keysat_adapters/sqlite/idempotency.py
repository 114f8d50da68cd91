"""Idempotency keys as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.idempotency import IdempotencyRecord
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant

KEYS: Final = Table(
    "idempotency_keys", ("operation", "key", "request_digest", "invoice_id", "created_at")
)
_FIND: Final = KEYS.select("WHERE operation = ? AND key = ?")
_PUT: Final = KEYS.upsert(key=("operation", "key"))
_PURGE: Final = (
    "DELETE FROM idempotency_keys WHERE (operation, key) IN"
    " (SELECT operation, key FROM idempotency_keys WHERE created_at < ?"
    " ORDER BY created_at LIMIT ?)"
)


def _record(row: Row) -> IdempotencyRecord:
    return IdempotencyRecord(
        key=row[1], request_digest=row[2], invoice_id=row[3], created_at=row[4]
    )


class SQLiteIdempotency:
    """Implements ``ports.store.Idempotency``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_record(self, operation: str, key: str) -> IdempotencyRecord | None:
        """Give the record of a key or None."""
        return KEYS.found(_record, self._session.row(_FIND, (operation, key)))

    def put_record(self, operation: str, record: IdempotencyRecord) -> None:
        """Insert or replace the record of a key."""
        self._session.run(
            _PUT,
            (operation, record.key, record.request_digest, record.invoice_id, record.created_at),
        )

    def remove_for_invoice(self, invoice_id: InvoiceId) -> None:
        """Free the keys of an invoice."""
        self._session.run("DELETE FROM idempotency_keys WHERE invoice_id = ?", (invoice_id,))

    def purge_records(self, before: Instant, limit: int) -> int:
        """Remove up to ``limit`` records made before an instant, oldest first."""
        return self._session.run(_PURGE, (before, max(0, limit)))
