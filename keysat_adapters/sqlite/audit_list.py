"""The audit log as operators search it. Every filter has an index whose order is that of the log.

Where several filters are given, the one that leaves fewest rows decides which index is walked: of
what is kept the number is known, of the others as many are counted as tell few from many.
"""

import logging
from typing import Final, NamedTuple

from keysat_adapters.sqlite.audit_rows import AUDIT_ROWS, audit_row
from keysat_adapters.sqlite.list_query import Bound, ListQuery, kept_count, kept_total
from keysat_adapters.sqlite.refusals import DAMAGE
from keysat_adapters.sqlite.session import Row, Session
from keysat_core.domain.audit_list import AuditFilter, AuditRow, unreadable_row
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.listing import Total
from keysat_core.errors import CorruptRow, StoreUnavailable
from keysat_core.limits import INSTANT_MAX

ACTOR_ID: Final = "CASE WHEN json_valid(details) THEN details ->> 'actor_id' END"
"""Spelled as its index is."""

FEW: Final = 10_000
"""So many rows of a filter are counted to compare it with others, which takes under a millisecond."""

MANY: Final = 1_000_000
"""For how many a filter stands that leaves more than a few."""

_SPAN: Final = (
    "SELECT (SELECT min(first_id) FROM audit_days WHERE day >= ?),"
    " (SELECT max(last_id) FROM audit_days WHERE day <= ?)"
)
_BY_ID: Final = AUDIT_ROWS.select("WHERE id = ?")
_WHEN: Final = (
    "SELECT occurred_at FROM audit_log"
    " WHERE id = ? AND typeof(occurred_at) = 'integer' AND occurred_at BETWEEN 0 AND ?"
)

# The standard library's, because every command loads this module.
log = logging.getLogger("keysat.sqlite")


class _Ids(NamedTuple):
    """Between which ids rows of a time may be."""

    first: int | None = None
    last: int | None = None


def list_rows(session: Session, criteria: AuditFilter) -> list[AuditRow]:
    """Give a page, newest first."""
    query = list_query(session, criteria)
    if query is None:
        return []
    values = (*query.values, criteria.limit, criteria.offset)
    try:
        rows = session.rows(list_sql(query), values)
    except StoreUnavailable as exc:
        if not isinstance(exc.__cause__, DAMAGE):
            raise
        return [_find(session, row[0]) for row in session.rows(_ids_sql(query), values)]
    return [_read(session, row) for row in rows]


def count_rows(session: Session, criteria: AuditFilter) -> Total:
    """Count the rows that match, whatever page is asked for."""
    asked = (criteria.actor_hash, criteria.actor_id, criteria.target_id, criteria.request_id)
    if any(one is not None for one in (*asked, criteria.since, criteria.until)):
        query = list_query(session, criteria, is_page=False)
        return Total(0) if query is None else query.total(session)
    return kept_total(session, "audit_log", _kept_keys(criteria))


def list_query(
    session: Session, criteria: AuditFilter, *, is_page: bool = True
) -> ListQuery | None:
    """Say which rows are asked for; None if it is known that there are none."""
    ids = _ids_of(session, criteria)
    if ids is None:
        return None
    terms = _terms(criteria)
    if len(terms) > 1:
        terms.sort(key=lambda term: _size(session, *term))
    query = ListQuery(table="audit_log", order=("id",))
    query = query.matching(dict(terms))
    query = query.where("id >= ?", ids.first).where("id <= ?", ids.last)
    if is_page:
        query = query.where("id < ?", criteria.before_id)
    # The ids have led to the days; the plus keeps SQLite from collecting and sorting the time itself.
    return query.within("+occurred_at", criteria.since, criteria.until)


def list_sql(query: ListQuery) -> str:
    """Spell the query for a page; limit and offset are bound last."""
    return AUDIT_ROWS.select(f"{query.where_clause} ORDER BY id DESC LIMIT ? OFFSET ?")


def _ids_sql(query: ListQuery) -> str:
    return f"SELECT id FROM audit_log {query.where_clause} ORDER BY id DESC LIMIT ? OFFSET ?"  # noqa: S608  constants


def _find(session: Session, row_id: int) -> AuditRow:
    """Read one row by its id, because one on its page cannot be read."""
    try:
        return _read(session, session.rows(_BY_ID, (row_id,))[0])
    except StoreUnavailable as exc:
        if not isinstance(exc.__cause__, DAMAGE):
            raise
        return _unreadable(session, row_id, str(exc))


def _read(session: Session, row: Row) -> AuditRow:
    try:
        return AUDIT_ROWS.value(audit_row, row)
    except CorruptRow as exc:
        return _unreadable(session, row[0], str(exc))


def _unreadable(session: Session, row_id: int, problem: str) -> AuditRow:
    """Give a row that says that it is damaged, so that all others are listed."""
    log.warning("row %d of the audit log is unreadable: %s", row_id, problem)
    try:
        occurred_at = session.number(_WHEN, (row_id, INSTANT_MAX))
    except StoreUnavailable:
        occurred_at = 0
    return unreadable_row(row_id, Instant(occurred_at))


def _terms(criteria: AuditFilter) -> list[tuple[str, Bound]]:
    columns = {
        "request_id": criteria.request_id,
        "target_id": criteria.target_id,
        ACTOR_ID: criteria.actor_id,
        "actor_hash": criteria.actor_hash,
        "action": criteria.action,
        "target_kind": criteria.target_kind,
        "actor_kind": criteria.actor_kind,
    }
    return [(column, value) for column, value in columns.items() if value is not None]


def _size(session: Session, column: str, value: Bound) -> int:
    """Tell how many rows a filter leaves by itself, roughly."""
    kept = {"actor_kind": 0, "action": 1, "target_kind": 2}
    if column in kept:
        keys = [str(value) if place == kept[column] else None for place in range(3)]
        return session.number(*kept_count("audit_log", keys))
    found = session.number(size_sql(column), (value,))
    return found if found < FEW else MANY


def size_sql(column: str) -> str:
    """Spell the query for how many rows a filter leaves, which gives up above a few."""
    return f"SELECT count(*) FROM (SELECT 1 FROM audit_log WHERE {column} = ? LIMIT {FEW})"  # noqa: S608  constants


def _kept_keys(criteria: AuditFilter) -> tuple[str | None, str | None, str | None]:
    return criteria.actor_kind, criteria.action, criteria.target_kind


def _ids_of(session: Session, criteria: AuditFilter) -> _Ids | None:
    if criteria.since is None and criteria.until is None:
        return _Ids()
    since = 0 if criteria.since is None else criteria.since
    until = 2**62 if criteria.until is None else criteria.until
    first, last = session.rows(_SPAN, (since // DAY_SECONDS, (until - 1) // DAY_SECONDS))[0]
    if first is None or last is None:
        return None
    return _Ids(first, last)
