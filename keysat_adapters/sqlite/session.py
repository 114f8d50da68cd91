"""Running statements on a connection and reading their rows, most often inside a transaction.

Every statement is run to its end before a row is given out, because a cursor that is kept leaves
its read transaction open (PERFORMANCE, apsw traps).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import apsw

from keysat_adapters.sqlite.refusals import (
    DAMAGED_TEXT,
    NOTHING_TAKEN,
    UNSTORABLE,
    Taken,
    refusal,
    unstorable,
)
from keysat_core.errors import StoreUnavailable

Row: TypeAlias = tuple[Any, ...]
"""One row as SQLite gives it; STRICT tables and CHECKs vouch for the types."""

_Value: TypeAlias = str | int | float | bytes | None

Values: TypeAlias = Sequence[_Value] | Mapping[str, _Value]
"""What is bound to a statement's marks, in order or by name."""


class Reads:
    """Runs statements that read; outside of a transaction each of them is one by itself."""

    __slots__ = ("connection",)

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """Give all rows of a statement.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        try:
            return self.connection.execute(sql, values).fetchall()
        except apsw.Error as exc:
            raise refusal(exc) from exc
        except UNSTORABLE as exc:
            raise unstorable(exc) from exc
        except UnicodeDecodeError as exc:
            raise StoreUnavailable(DAMAGED_TEXT) from exc

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """Give the first row of a statement that yields few, or None; raises as ``rows``."""
        found = self.rows(sql, values)
        return found[0] if found else None

    def number(self, sql: str, values: Values = ()) -> int:
        """Give the integer a statement yields, 0 if it yields none; raises as ``rows``."""
        found = self.rows(sql, values)
        number = found[0][0] if found else None
        return int(number) if number is not None else 0


class Session(Reads):
    """Runs statements on a connection, only between ``begin`` and its end."""

    __slots__ = ("_is_open", "_may_write")

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self._is_open = False
        self._may_write = False

    def begin(self, *, may_write: bool, busy_seconds: float | None = None) -> None:
        """Start a transaction, with the write lock of the database if it may write.

        ``busy_seconds`` is how long it may wait for other processes from now on; None changes
        nothing.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        try:
            if busy_seconds is not None:
                self.connection.set_busy_timeout(int(busy_seconds * 1000))
            if self.connection.in_transaction:
                # An earlier rollback failed with the disk; nothing of it may survive.
                self.connection.execute("ROLLBACK").fetchall()
            self.connection.execute("BEGIN IMMEDIATE" if may_write else "BEGIN").fetchall()
        except apsw.Error as exc:
            raise refusal(exc) from exc
        self._is_open = True
        self._may_write = may_write

    def commit(self) -> None:
        """Finish the transaction; if that fails, nothing of it remains.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        self._is_open = False
        try:
            self.connection.execute("COMMIT").fetchall()
        except apsw.Error as exc:
            self.abandon()
            raise refusal(exc) from exc

    def abandon(self) -> None:
        """Undo the transaction, whatever state it is in. Never raises an expected error."""
        self._is_open = False
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK").fetchall()
        except apsw.Error:
            # The error that led here is the one to tell; `begin` tries again.
            return

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """Give all rows of a statement; raises as ``Reads.rows``."""
        if not self._is_open:
            raise StoreUnavailable("its transaction has ended")
        return super().rows(sql, values)

    def run(self, sql: str, values: Values = (), *, taken: Taken = NOTHING_TAKEN) -> int:
        """Run a statement that changes rows and give their number.

        Raises:
            StoreBusy, StoreUnavailable: also when a constraint of the schema is broken.
            KeysatError: what ``taken`` says for the broken UNIQUE constraint.
        """
        if not self._is_open:
            raise StoreUnavailable("its transaction has ended")
        if not self._may_write:
            raise StoreUnavailable("its transaction is for reading only")
        try:
            self.connection.execute(sql, values).fetchall()
        except apsw.Error as exc:
            raise refusal(exc, taken) from exc
        except UNSTORABLE as exc:
            raise unstorable(exc) from exc
        return self.connection.changes()

    def run_many(self, sql: str, rows: Iterable[Values]) -> None:
        """Run a statement that changes rows once for each of many rows; all of them or none count.

        Raises:
            StoreBusy, StoreUnavailable: also when a constraint of the schema is broken.
        """
        if not self._is_open:
            raise StoreUnavailable("its transaction has ended")
        if not self._may_write:
            raise StoreUnavailable("its transaction is for reading only")
        try:
            self.connection.executemany(sql, rows).fetchall()
        except apsw.Error as exc:
            raise refusal(exc) from exc
        except UNSTORABLE as exc:
            raise unstorable(exc) from exc


def storable(text: str) -> str:
    """Replace halves of surrogate pairs, which UTF-8 cannot spell."""
    return text.encode("utf-8", "replace").decode("utf-8")
