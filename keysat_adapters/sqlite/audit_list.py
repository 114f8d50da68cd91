"""The audit log as operators search it. Every filter has an index whose order is that of the log.

Where several filters are given, the one that leaves fewest rows decides which index is walked: of
what is kept the number is known, of the others as many are counted as tell few from many.
"""

from typing import Final, NamedTuple

from keysat_adapters.sqlite.audit_rows import AUDIT_ROWS, audit_row
from keysat_adapters.sqlite.list_query import Bound, ListQuery, kept_count, kept_total
from keysat_adapters.sqlite.session import Session
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.listing import Total

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


class _Ids(NamedTuple):
    """Between which ids rows of a time may be."""

    first: int | None = None
    last: int | None = None


def list_rows(session: Session, criteria: AuditFilter) -> list[AuditRow]:
    """Give a page, newest first."""
    query = list_query(session, criteria)
    if query is None:
        return []
    rows = session.rows(list_sql(query), (*query.values, criteria.limit, criteria.offset))
    return AUDIT_ROWS.values(audit_row, rows)


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
