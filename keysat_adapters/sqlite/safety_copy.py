"""The copy of a database that is made before its schema is changed, if there is anything in it."""

import os
from itertools import count
from pathlib import Path

import apsw

from keysat_adapters.sqlite.connection import open_unchanging
from keysat_adapters.sqlite.ledger import Ledger, ledger_of
from keysat_adapters.sqlite.migration import Migration
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.snapshot import (
    copy_database,
    partial_for,
    publish,
    remove_abandoned,
)
from keysat_core.errors import KeysatError, MigrationRefused, StoreUnavailable
from keysat_core.limits import STRUCTURE_PROBLEMS_MAX


class SafetyCopy:
    """Makes at most one copy of the database behind a connection.

    There is none of a database in memory, nor of one without rows: of processes that start at once
    on a new file, the second finds a schema begun by the first.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self.path: Path | None = None
        self._connection = connection

    def make(self, ledger: Ledger, migration: Migration) -> None:
        """Copy the database to ``<stem>-before-<NNNN>.db`` and check the copy.

        The caller holds the write lock and has changed nothing yet, so the copy is what a failure
        would have to be undone to.

        Raises:
            MigrationRefused: There is no good copy.
        """
        filename = self._connection.filename
        if not filename or self.path is not None or not _has_rows(self._connection):
            return
        source = Path(filename)
        try:
            self.path = _copied(source, ledger, f"{source.stem}-before-{migration.version:04d}")
        except (KeysatError, OSError) as exc:
            raise MigrationRefused(
                f"migration {migration.label} was not begun, because no checked copy of the"
                f" database could be made first ({exc}); nothing was changed: make room beside"
                f" {source} and let it be written to, then start again"
            ) from exc

    def discard(self) -> None:
        """Remove the copy, because nothing was changed after all."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


def _has_rows(connection: apsw.Connection) -> bool:
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'schema_migrations'"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ).fetchall()
    return any(
        connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchall()  # noqa: S608
        for (name,) in tables
    )


def _copied(source: Path, ledger: Ledger, stem: str) -> Path:
    names = (f"{stem}-{number}.db" for number in count(2))
    final = source.with_name(f"{stem}.db")
    # A link that leads nowhere takes a name too.
    while os.path.lexists(final):
        final = source.with_name(next(names))
    remove_abandoned(source.parent)
    with partial_for(final) as partial:
        copy_database(source, partial)
        _check(partial, ledger)
        publish(partial, final)
    return final


def _check(path: Path, ledger: Ledger) -> None:
    connection = open_unchanging(path)
    try:
        if ledger_of(connection) != ledger:
            raise StoreUnavailable("the copy differs from the database")
        said = connection.execute(f"PRAGMA integrity_check({STRUCTURE_PROBLEMS_MAX})").fetchall()
        if said != [("ok",)]:
            raise StoreUnavailable(f"the database is damaged: {said[0][0]}")
    except apsw.Error as exc:
        raise refusal(exc) from exc
    finally:
        connection.close()
