"""Tables as the store uses them: the statements every aggregate needs, and reading rows back."""

from collections.abc import Callable, Iterable
from itertools import chain, islice
from typing import Final, TypeVar

import msgspec

from keysat_adapters.sqlite.refusals import DAMAGED_TEXT, unstorable
from keysat_adapters.sqlite.session import Row, Session
from keysat_core.errors import CorruptRow, InvariantError, StoreUnavailable

_Value = TypeVar("_Value")

TOGETHER: Final = 100
"""Rows added by one statement."""

SHOWN_ID_CHARS: Final = 8
"""How much of a row's id an error shows."""


class Table(msgspec.Struct, frozen=True):
    """A table's name and the columns a value is made of, in the order it is read and written."""

    name: str
    columns: tuple[str, ...]

    def select(self, rest: str, *, also: tuple[str, ...] = ()) -> str:
        """Spell a query for whole values; ``rest`` is everything behind the table's name.

        ``also`` are further columns of other tables.
        """
        listed = ", ".join((*(f"{self.name}.{column}" for column in self.columns), *also))
        # Only constants of this package reach this text; values are always bound.
        return f"SELECT {listed} FROM {self.name} {rest}"  # noqa: S608

    def upsert(self, *, key: tuple[str, ...] = ("id",)) -> str:
        """Spell the statement that inserts a value or replaces the one with the same key."""
        assignments = ", ".join(f"{c} = excluded.{c}" for c in self.columns if c not in key)
        return f"{self.insert()} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {assignments}"

    def insert(self, *, rows: int = 1) -> str:
        """Spell the statement that adds a value, or several with their columns one after another."""
        marks = ", ".join([f"({', '.join('?' * len(self.columns))})"] * rows)
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES {marks}"  # noqa: S608

    def refuse_damaged(self, id_: str, failure: StoreUnavailable) -> None:
        """Tell a row with a damaged text from a database that cannot be read.

        Raises:
            CorruptRow: It is one row, which says nothing of the rest.
        """
        if isinstance(failure.__cause__, UnicodeDecodeError):
            shown = f"{id_[:SHOWN_ID_CHARS]}…"
            raise CorruptRow(self.name, shown, DAMAGED_TEXT) from failure

    def value(self, read: Callable[[Row], _Value], row: Row) -> _Value:
        """Read a row back.

        Raises:
            CorruptRow: It is not what it should be.
        """
        try:
            return read(row)
        except (ValueError, TypeError) as exc:
            # Enum and JSON errors quote what they met, which may be a buyer's; ours do not.
            problem = str(exc) if isinstance(exc, InvariantError) else type(exc).__name__
            # The beginning is enough to find the row; the whole id of an invoice is its buyer's secret.
            raise CorruptRow(self.name, f"{str(row[0])[:SHOWN_ID_CHARS]}…", problem) from exc

    def values(self, read: Callable[[Row], _Value], rows: list[Row]) -> list[_Value]:
        """Read many rows back; raises as ``value``."""
        return [self.value(read, row) for row in rows]

    def found(self, read: Callable[[Row], _Value], row: Row | None) -> _Value | None:
        """Read a row back if there is one; raises as ``value``."""
        return None if row is None else self.value(read, row)


def add_rows(session: Session, table: Table, rows: Iterable[Row]) -> None:
    """Add many rows, ``TOGETHER`` at a time; all of them or none count.

    Where triggers count rows, SQLite keeps a journal for each statement, which for single rows costs
    more than the rows themselves.

    Raises:
        StoreBusy, StoreUnavailable: also when a constraint of the schema is broken.
    """
    together, remaining = table.insert(rows=TOGETHER), iter(rows)
    while len(part := list(islice(remaining, TOGETHER))) == TOGETHER:
        session.run(together, list(chain.from_iterable(part)))
    session.run_many(table.insert(), part)


def json_text(value: object) -> str:
    """Spell a value as compact JSON.

    Raises:
        InvariantError: It holds half of a surrogate pair.
    """
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError as exc:
        raise unstorable(exc) from exc
