"""Counting rows: large tables are counted as they change (migration 13), the others by an index."""

from typing import Final

from keysat_adapters.sqlite.session import Session
from keysat_core.domain.instant import Instant
from keysat_core.domain.tallies import ShopTallies

_KEPT: Final = (
    "SELECT {key}, sum(row_count) FROM row_counts WHERE counted = ? GROUP BY {key}"
    " HAVING sum(row_count) > 0"
)
_BY_STATUS: Final = {
    "invoices": _KEPT.format(key="third_key"),
    "licenses": _KEPT.format(key="third_key"),
    "subscriptions": _KEPT.format(key="second_key"),
    "webhook_deliveries": _KEPT.format(key="second_key"),
}
_RECEIPTS: Final = "SELECT count(*) FROM webhook_receipts WHERE outcome = 'noted'"
# Events are numbered without gaps and never removed, so the last number is their count.
_EVENTS: Final = "SELECT coalesce(max(sequence), 0) FROM outbox"
_API_KEYS: Final = "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL"
_SESSIONS: Final = "SELECT count(*) FROM sessions WHERE expires_at > ?"


class SQLiteTallies:
    """Implements ``ports.store.Tallies``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def count_all(self, now: Instant) -> ShopTallies:
        """Count everything."""
        return ShopTallies(
            invoices=self._by_status("invoices"),
            licenses=self._by_status("licenses"),
            subscriptions=self._by_status("subscriptions"),
            deliveries=self._by_status("webhook_deliveries"),
            receipts_waiting=self._one(_RECEIPTS),
            events=self._one(_EVENTS),
            api_keys=self._one(_API_KEYS),
            sessions=self._one(_SESSIONS, now),
        )

    def _by_status(self, table: str) -> dict[str, int]:
        return {row[0]: row[1] for row in self._session.rows(_BY_STATUS[table], (table,))}

    def _one(self, sql: str, *values: int) -> int:
        row = self._session.row(sql, values)
        return int(row[0]) if row is not None else 0
