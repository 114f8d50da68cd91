"""Taking the rows of one old table after the other, and what becomes of one that does not fit."""

from collections.abc import Callable, Iterator
from typing import Any

import apsw

from keysat_adapters.sqlite.earlier.cells import Cells, RowLeft
from keysat_adapters.sqlite.earlier.report import Ledger, NoteKind
from keysat_adapters.sqlite.earlier.shape import COLUMNS
from keysat_adapters.sqlite.refusals import DAMAGED_TEXT, refusal
from keysat_adapters.sqlite.transaction import SQLiteTransaction
from keysat_core.domain.instant import Instant
from keysat_core.errors import InvariantError, NotFound, SlugTaken, StoreUnavailable
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids

BATCH = 1_000
"""Rows read at once, so that a long log need not fit the memory."""


class Mover:
    """Moves rows from ``source`` through ``tx``. ``now``: when the import began."""

    def __init__(
        self,
        source: apsw.Connection,
        tx: SQLiteTransaction,
        *,
        ids: Ids,
        entropy: Entropy,
        now: Instant,
    ) -> None:
        self.tx = tx
        self.ledger = Ledger()
        self.ids = ids
        self.entropy = entropy
        self.now = now
        self.source = source

    def each(self, table: str, carry: Callable[[Cells], None], *, key: str = "id") -> None:
        """Carry every row of a table by ``carry``; one that does not fit is left, with a note.

        Raises:
            StoreBusy, StoreUnavailable: A database cannot be read or written.
        """
        for cells in self.rows(table, key=key):
            self.ledger.find(table, 1)
            try:
                carry(cells)
            except (RowLeft, InvariantError, SlugTaken, NotFound, ValueError) as exc:
                self.leave(cells, str(exc))
            except StoreUnavailable as exc:
                if not isinstance(exc.__cause__, apsw.ConstraintError):
                    raise
                self.leave(cells, f"the new database cannot hold it: {exc.__cause__}")
            else:
                self.ledger.carry(table, cells.id)

    def leave(self, cells: Cells, why: str) -> None:
        """Note that a row is not carried."""
        self.ledger.note(cells.table, cells.id, NoteKind.LEFT, "decisions 24", why)

    def rows(self, table: str, *, key: str = "id") -> Iterator[Cells]:
        """Give the rows of a table in the order they were written.

        Raises:
            StoreBusy, StoreUnavailable: They cannot be read.
        """
        names = COLUMNS[table].split()
        # Names of tables and columns are constants of ``shape``; values are bound.
        sql = (
            f"SELECT rowid, {', '.join(names)} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
        )
        last = -(2**63)
        while batch := self.query(sql, last, BATCH):
            for rowid, *values in batch:
                named: dict[str, object] = dict(zip(names, values, strict=True))
                yield Cells(table, str(named.get(key, rowid)), named, self.ledger)
            last = batch[-1][0]

    def query(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Give all rows of a query of the old database.

        Raises:
            StoreBusy, StoreUnavailable: It cannot be read.
        """
        try:
            return self.source.execute(sql, values).fetchall()
        except apsw.Error as exc:
            raise refusal(exc) from exc
        except UnicodeDecodeError as exc:
            raise StoreUnavailable(DAMAGED_TEXT) from exc

    def omit(self, table: str, why: str) -> None:
        """Note that a table is left out on purpose."""
        ((number,),) = self.query(f"SELECT count(*) FROM {table}")  # noqa: S608  a constant
        self.ledger.omit(table, number, why)

    def needed(self, cells: Cells, name: str, table: str) -> str:
        """Give the id of a row of ``table`` that a row cannot be without.

        Raises:
            RowLeft: That row is not in the new database.
        """
        id_ = cells.required(name)
        if not self.ledger.has(table, id_):
            raise RowLeft(f"its {name} {id_} is not there (table {table})")
        return id_

    def optional(self, cells: Cells, name: str, table: str) -> str | None:
        """Give the id of a row of ``table``; one that is not there is forgotten, with a note."""
        id_ = cells.text(name)
        if id_ is not None and not self.ledger.has(table, id_):
            cells.changed(f"{name} named {id_}, which is not there (table {table})", "B-16")
            return None
        return id_
