"""Queries for one page of a long table, and for how many rows match.

The first filter given decides which index is walked, and callers name them with the one that leaves
fewest rows first; a plus before the others keeps SQLite from choosing one of theirs. The page is
found in the index alone, and only its rows are read and joined, so that a page far down costs
little more than the first.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Self, TypeAlias

import msgspec

from keysat_adapters.sqlite.session import Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.listing import Total
from keysat_core.limits import COUNTED_MAX

Bound: TypeAlias = str | int

_COUNTED: Final = COUNTED_MAX + 1


class Span(NamedTuple):
    """Which rows of a list are a page, counted from its beginning or backward from its end."""

    limit: int
    offset: int
    is_backward: bool = False

    def from_nearer_end(self, total: int) -> Self:
        """Count the same rows of a list of known length from the end that is nearer."""
        if self.offset <= total // 2:
            return self
        behind = total - self.offset - self.limit
        limit = self.limit + min(behind, 0)
        return self._replace(limit=max(limit, 0), offset=max(behind, 0), is_backward=True)


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a table, newest first by ``order``; ``values`` are bound in turn."""

    table: str
    order: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    values: tuple[Bound, ...] = ()

    def where(self, condition: str, *values: Bound | None) -> Self:
        """Narrow by a condition, unless one of its values is None."""
        given = tuple(value for value in values if value is not None)
        if len(given) != len(values):
            return self
        return msgspec.structs.replace(
            self, conditions=(*self.conditions, condition), values=(*self.values, *given)
        )

    def matching(self, columns: Mapping[str, Bound | None]) -> Self:
        """Narrow by columns that must have a value; None is not asked for."""
        narrowed = self
        for column, value in columns.items():
            sign = "+" if narrowed.conditions else ""
            narrowed = narrowed.where(f"{sign}{column} = ?", value)
        return narrowed

    def within(self, column: str, since: int | None, until: int | None) -> Self:
        """Narrow to a time; ``until`` is not part of it."""
        return self.where(f"{column} >= ?", since).where(f"{column} < ?", until)

    def before(self, at: int | None, id_: str | None) -> Self:
        """Begin behind the row of this time and id."""
        return self.where(f"({', '.join(self.order)}) < (?, ?)", at, id_)

    @property
    def chosen(self) -> str:
        """Spell what follows ``SELECT …`` to go through the rows in any order."""
        return f"FROM {self.table} {self.where_clause}"

    @property
    def where_clause(self) -> str:
        """Spell the conditions."""
        return f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""

    def page(
        self,
        table: Table,
        joins: str = "",
        *,
        also: tuple[str, ...] = (),
        limit: int,
        offset: int,
        total: Total | None = None,
    ) -> tuple[str, tuple[Bound, ...]]:
        """Spell the query for a page of whole rows, and its values.

        With an exact ``total``, counted in the same transaction, the page is looked for from the
        nearer end of the index, which may be millions of rows long.
        """
        span = Span(limit, offset)
        if total is not None and total.is_exact:
            span = span.from_nearer_end(total.number)
        order = self._newest_first("")
        if span.is_backward:
            order = order.replace("DESC", "ASC")
        found = f"SELECT {self.table}.rowid AS row {self.chosen} {order}"
        sql = table.select(
            f"JOIN ({found} LIMIT ? OFFSET ?) AS page ON {self.table}.rowid = page.row {joins}"
            # Sorts the page, which is most often in order already; the plus keeps it at that.
            f" {self._newest_first(f'+{self.table}.')}",
            also=also,
        )
        return sql, (*self.values, span.limit, span.offset)

    def bounded_count(self) -> str:
        """Spell the query for how many of the first rows match, and how many those are.

        It walks the index of the first filter, and gives up after ``COUNTED_MAX`` rows of it.
        """
        walked = [one for one in self.conditions if not one.startswith("+")]
        checked = [one for one in self.conditions if one.startswith("+")]
        # Numbered, because what is checked is spelled before what is walked.
        numbers = iter(range(1, len(self.values) + 1))
        numbered = {one: _numbered(one, numbers) for one in self.conditions}
        where = " AND ".join(numbered[one] for one in walked)
        match = " AND ".join(numbered[one] for one in checked) or "1"
        return (
            f"SELECT coalesce(sum(matches), 0), count(*) FROM (SELECT {match} AS matches"  # noqa: S608
            f" FROM {self.table} {f'WHERE {where}' if where else ''} LIMIT {_COUNTED})"
        )

    def total(self, session: Session) -> Total:
        """Count what matches, as far as ``bounded_count`` walks."""
        matching, walked = session.rows(self.bounded_count(), self.values)[0]
        return Total(min(matching, COUNTED_MAX), is_exact=walked <= COUNTED_MAX)

    def _newest_first(self, prefix: str) -> str:
        return f"ORDER BY {', '.join(f'{prefix}{column} DESC' for column in self.order)}"


def kept_total(session: Session, counted: str, keys: Sequence[str | None]) -> Total:
    """Add up the counts that triggers keep of a table, by the values given of its keys."""
    return Total(session.number(*kept_count(counted, keys)))


def kept_count(counted: str, keys: Sequence[str | None]) -> tuple[str, tuple[str, ...]]:
    """Spell the query for kept counts, and its values."""
    names = ("first_key", "second_key", "third_key")
    given = [(name, key) for name, key in zip(names, keys, strict=False) if key is not None]
    wanted = "".join(f" AND {name} = ?" for name, _ in given)
    return (
        f"SELECT sum(row_count) FROM row_counts WHERE counted = ?{wanted}",  # noqa: S608  constants
        (counted, *(key for _, key in given)),
    )


def _numbered(condition: str, numbers: Iterator[int]) -> str:
    """Give each mark of a condition its number; a condition that has numbers is the first one."""
    if "?1" in condition:
        next(numbers)
        return condition
    head, *rest = condition.split("?")
    return head + "".join(f"?{next(numbers)}{part}" for part in rest)
