"""Where the rows of an old table are in a new file, and the differences between the two."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from tests.support.earlier.old_rows import OldRow, OldShop
from tests.support.earlier.rules import Cell, Column

NewRow: TypeAlias = dict[str, Any]
ROW: Final = "*"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was. ``column`` is ``*`` for a whole row.

    ``explained`` says where the sheets or the decisions demand it; None: nothing does.
    """

    table: str
    id: str
    column: str
    old: Cell
    new: Cell
    explained: str | None


class Gone(NamedTuple):
    """An old column without a place. ``loses`` says of which rows something is lost by that."""

    old: str
    why: str
    loses: Callable[[OldShop, OldRow], bool] = lambda _, row: False


def by_id(row: dict[str, Any]) -> str:
    """Tell rows apart by their ids."""
    return str(row["id"])


class TableMap(NamedTuple):
    """One old table and where it is now.

    ``takes`` names the old columns that rules of columns with other names read. ``sources`` are the
    rows that must be there, all of the table unless told otherwise; ``sql`` reads the new ones.
    ``key`` tells new rows apart and ``old_key`` old ones; rows may also be matched by their order.
    """

    old: str
    new: str
    columns: Sequence[Column]
    takes: Sequence[str] = ()
    gone: Sequence[Gone] = ()
    sources: Callable[[OldShop], Iterable[OldRow]] | None = None
    sql: str | None = None
    key: Callable[[NewRow], str] = by_id
    old_key: Callable[[OldRow], str] | None = None
    is_in_order: bool = False
    is_activity: bool = False
    may_add: Callable[[NewRow], str | None] = lambda row: None

    def rows(self, old: OldShop) -> list[OldRow]:
        """Give the old rows that must be there."""
        return list(old.tables[self.old] if self.sources is None else self.sources(old))

    def query(self) -> str:
        """Give what reads the new rows."""
        return self.sql or f"SELECT * FROM {self.new}"  # noqa: S608


def differences_of(
    table: TableMap, old: OldShop, new_rows: Sequence[NewRow]
) -> Iterator[Difference]:
    """Compare one table."""
    old_rows = table.rows(old)
    if table.is_in_order:
        olds = {f"row {number}": row for number, row in enumerate(old_rows, start=1)}
        news = {f"row {number}": row for number, row in enumerate(new_rows, start=1)}
    else:
        olds = {(table.old_key or table.key)(row): row for row in old_rows}
        news = {table.key(row): row for row in new_rows}
        if len(news) < len(new_rows):
            yield _of_row(table, "several", old=None, new="rows that are there twice")
    for key, row in olds.items():
        if key in news:
            yield from _differences_of_row(table, old, key, (row, news[key]))
        else:
            yield _of_row(table, key, old="a row", new=None)
    for key in news.keys() - olds.keys():
        why = table.may_add(news[key])
        yield _of_row(table, key, old=None, new="a row", why=why)


def _differences_of_row(
    table: TableMap, old: OldShop, key: str, rows: tuple[OldRow, NewRow]
) -> Iterator[Difference]:
    row, new = rows
    for column in table.columns:
        if column.new not in new:
            yield _of_row(table, key, old=column.new, new="no such column")
            continue
        cell = column.read(new[column.new])
        wants = column.rule(old, row)
        met = next((want for want in wants if want.is_met_by(cell)), None)
        if met is None or met.why is not None:
            was = row.get(column.new, repr(wants[0].value))
            yield Difference(
                table=table.new,
                id=key,
                column=column.new,
                old=was if met else repr(wants[0].value),
                new=new[column.new],
                explained=met.why if met else None,
            )
    for gone in table.gone:
        if gone.loses(old, row):
            yield Difference(
                table=table.new,
                id=key,
                column=gone.old,
                old=row[gone.old],
                new=None,
                explained=gone.why,
            )


def _of_row(
    table: TableMap, key: str, *, old: Cell, new: Cell, why: str | None = None
) -> Difference:
    return Difference(table=table.new, id=key, column=ROW, old=old, new=new, explained=why)
