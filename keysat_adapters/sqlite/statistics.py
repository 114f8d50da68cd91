"""The database as a whole: its file, and how many rows it has.

Fast with a million licenses: large tables are counted as they change (migration 13), and audit rows
not at all.
"""

from pathlib import Path
from typing import Final

from keysat_adapters.sqlite.connection import MEMORY
from keysat_adapters.sqlite.session import Session
from keysat_core.domain.database_info import DatabaseInfo, RowCounts
from keysat_core.domain.instant import Instant

_AUDIT_ROWS: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'"
_KEPT: Final = "SELECT coalesce(sum(row_count), 0) FROM row_counts WHERE counted = ?"
_KEPT_OF_STATUS: Final = f"{_KEPT} AND third_key = ?"
_LIVE_MACHINES: Final = f"{_KEPT} AND second_key = 'live'"
_SCHEMA: Final = "SELECT max(version) FROM schema_migrations"

# Each from the end of an index or of a table. No invoice changes without an audit row or an event.
_NEWEST: Final = (
    "SELECT max(at) FROM ("
    "SELECT (SELECT occurred_at FROM audit_log ORDER BY id DESC LIMIT 1) AS at"
    " UNION ALL SELECT (SELECT occurred_at FROM outbox ORDER BY sequence DESC LIMIT 1)"
    " UNION ALL SELECT max(issued_at) FROM licenses"
    " UNION ALL SELECT max(created_at) FROM invoices)"
)


class SQLiteStatistics:
    """Implements ``ports.store.Statistics``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def database_info(self) -> DatabaseInfo:
        """Describe the file and count its rows."""
        path = self._session.connection.filename
        newest = self._session.row(_NEWEST)
        return DatabaseInfo(
            path=path or MEMORY,
            size_bytes=_size_of(Path(path)) if path else self._size_in_memory(),
            wal_size_bytes=(_size_of(Path(f"{path}-wal")) or 0) if path else 0,
            schema_version=self._session.number(_SCHEMA),
            last_write_at=None if newest is None or newest[0] is None else Instant(newest[0]),
            counts=self._counts(),
        )

    def _counts(self) -> RowCounts:
        number = self._session.number
        return RowCounts(
            products=number("SELECT count(*) FROM products"),
            policies=number("SELECT count(*) FROM policies"),
            licenses_total=number(_KEPT, ("licenses",)),
            licenses_active=number(_KEPT_OF_STATUS, ("licenses", "active")),
            invoices_total=number(_KEPT, ("invoices",)),
            invoices_settled=number(_KEPT_OF_STATUS, ("invoices", "settled")),
            machines_active=number(_LIVE_MACHINES, ("machines",)),
            discount_codes=number("SELECT count(*) FROM discount_codes"),
            audit_log=number(_AUDIT_ROWS),
        )

    def _size_in_memory(self) -> int:
        pages = self._session.number("PRAGMA page_count")
        return pages * self._session.number("PRAGMA page_size")


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
