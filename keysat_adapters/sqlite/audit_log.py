"""The audit log as its readers see it: entries with their ids, and the links of its chain."""

from typing import Final

from keysat_adapters.sqlite import audit_list
from keysat_adapters.sqlite.audit_seals import SEALED_COLUMNS
from keysat_adapters.sqlite.refusals import DAMAGE
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.audit_chain import FIRST_ID, ChainPage, Link
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.listing import Total
from keysat_core.errors import StoreUnavailable

_LINKS: Final = Table("audit_log", ("id", "previous_hash", "hash", *SEALED_COLUMNS))

_PAGE: Final = _LINKS.select("WHERE id >= ? ORDER BY id LIMIT ?")
_LINK: Final = _LINKS.select("WHERE id = ?")
_LAST_ID: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'"

_LOWEST_ID: Final = -(2**63)
"""Keysat gives no id below 1, but others may have."""


def _link(row: Row) -> Link:
    row_id, previous_hash, own_hash, *cells = row
    if isinstance(previous_hash, bytes) and isinstance(own_hash, bytes):
        return Link(row_id, previous_hash, own_hash, cells)
    # Damage can turn a value into one of another type, in spite of a STRICT table.
    return _unreadable(row_id)


def _unreadable(row_id: int) -> Link:
    return Link(row_id, b"", b"", None)


class SQLiteAuditLog:
    """Implements ``ports.store.AuditLog``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_rows(self, criteria: AuditFilter) -> list[AuditRow]:
        """Give a page of rows, newest first."""
        return audit_list.list_rows(self._session, criteria)

    def count_rows(self, criteria: AuditFilter) -> Total:
        """Count the rows that match."""
        return audit_list.count_rows(self._session, criteria)

    def last_id(self) -> int:
        """Give the highest id ever given."""
        return self._session.number(_LAST_ID)

    def read_chain(self, first_id: int | None, limit: int) -> ChainPage:
        """Give a page of links; see ``ports.store.AuditLog``."""
        begin = _LOWEST_ID if first_id is None else first_id
        try:
            rows = self._session.rows(_PAGE, (begin, limit))
        except StoreUnavailable as exc:
            if not isinstance(exc.__cause__, DAMAGE):
                raise
            return self._read_singly(max(begin, FIRST_ID), limit)
        links = [_link(row) for row in rows]
        return ChainPage(links, links[-1].id + 1 if len(links) == limit else None)

    def _read_singly(self, first_id: int, limit: int) -> ChainPage:
        """Look for each row by its id, because one row among them cannot be read."""
        end = min(first_id + limit, self.last_id() + 1)
        found = [self._find(row_id) for row_id in range(first_id, end)]
        links = [link for link in found if link is not None]
        return ChainPage(links, end if end == first_id + limit else None)

    def _find(self, row_id: int) -> Link | None:
        try:
            row = self._session.row(_LINK, (row_id,))
        except StoreUnavailable as exc:
            if not isinstance(exc.__cause__, DAMAGE):
                raise
            return _unreadable(row_id)
        return None if row is None else _link(row)
