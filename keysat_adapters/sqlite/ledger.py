"""The ledger: which migrations a database has had, and whose database it is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import apsw

from keysat_adapters.sqlite.connection import is_file_there, open_unchanging
from keysat_adapters.sqlite.migration import Migration
from keysat_adapters.sqlite.refusals import refusal
from keysat_core.errors import MigrationRefused

APPLICATION_ID: Final = 0x4B455953
"""``KEYS`` in the header of every database of ours."""

EARLIER_LEDGER: Final = "_sqlx_migrations"
"""Where the earlier server notes its migrations. Source: lifecycles 13.1."""

_LEDGER: Final = (
    "CREATE TABLE schema_migrations (\n"
    "    version INTEGER PRIMARY KEY,\n"
    "    name TEXT NOT NULL,\n"
    "    checksum TEXT NOT NULL,\n"
    "    applied_at INTEGER NOT NULL\n"
    ") STRICT"
)


class Applied(NamedTuple):
    """What the ledger says of a migration."""

    name: str
    checksum: str


Ledger: TypeAlias = Mapping[int, Applied]


def refuse_stranger(path: Path) -> None:
    """Let through a file that is empty or ours, without changing a byte of it.

    Raises:
        MigrationRefused: It belongs to another program or to the earlier server.
        StoreUnavailable: It cannot be read, or is no database.
    """
    read_ledger(path)


def read_ledger(path: Path) -> Ledger:
    """Read which migrations a file has had; none if it does not exist or is empty.

    Raises:
        MigrationRefused: It belongs to another program or to the earlier server.
        StoreUnavailable: It cannot be read, or is no database.
    """
    if not is_file_there(path):
        return {}
    connection = open_unchanging(path)
    try:
        return ledger_of(connection)
    finally:
        connection.close()


def ledger_of(connection: apsw.Connection) -> Ledger:
    """Read the ledger through a connection that holds no transaction; raises as ``read_ledger``."""
    with reading(connection):
        return ledger_within(connection)


@contextmanager
def reading(connection: apsw.Connection) -> Iterator[None]:
    """Hold one picture of a database while it is looked at.

    Raises:
        StoreBusy, StoreUnavailable: It cannot be read.
    """
    try:
        connection.execute("BEGIN").fetchall()
        try:
            yield
        finally:
            connection.execute("ROLLBACK").fetchall()
    except apsw.Error as exc:
        raise refusal(exc) from exc


def ledger_within(connection: apsw.Connection) -> Ledger:
    """Read the ledger inside a transaction, which makes one picture of what is read.

    Raises:
        MigrationRefused: The database belongs to another program or to the earlier server.
        apsw.Error: It cannot be read.
    """
    named = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    tables = {name for (name,) in connection.execute(named).fetchall()}
    application_id = connection.pragma("application_id")
    if EARLIER_LEDGER in tables:
        raise MigrationRefused(
            f"this database was made by an earlier Keysat server (it has a table {EARLIER_LEDGER})"
            " and was left untouched; start the server once, or run keysat import, to move it in"
        )
    if application_id not in {0, APPLICATION_ID} or (tables and application_id == 0):
        raise MigrationRefused(
            "this SQLite file belongs to another program and was left untouched;"
            " set KEYSAT_DB_PATH to a file of Keysat's own"
        )
    if "schema_migrations" not in tables:
        return {}
    rows = connection.execute("SELECT version, name, checksum FROM schema_migrations").fetchall()
    return {int(str(version)): Applied(str(name), str(sum_)) for version, name, sum_ in rows}


def begin_ledger(connection: apsw.Connection) -> None:
    """Make an empty database ours, inside the open transaction."""
    connection.pragma("application_id", APPLICATION_ID)
    connection.execute(_LEDGER).fetchall()


def record(connection: apsw.Connection, migration: Migration) -> None:
    """Write that a migration was applied, inside the open transaction."""
    connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum, applied_at)"
        " VALUES (?, ?, ?, unixepoch())",
        (migration.version, migration.name, migration.checksum),
    ).fetchall()


def record_checksum(connection: apsw.Connection, migration: Migration) -> None:
    """Write that an applied migration is the one of this program, inside the open transaction."""
    connection.execute(
        "UPDATE schema_migrations SET checksum = ? WHERE version = ?",
        (migration.checksum, migration.version),
    ).fetchall()


def pending(ledger: Ledger, known: Sequence[Migration]) -> list[Migration]:
    """Give the migrations a database still needs, in order.

    Raises:
        MigrationRefused: The ledger tells of migrations nobody here knows, or has a gap.
    """
    newest = max((migration.version for migration in known), default=0)
    last = max(ledger, default=0)
    unknown = sorted(ledger.keys() - {migration.version for migration in known})
    if unknown:
        raise MigrationRefused(
            f"the database is at schema {last}, but this program knows only up to {newest}"
            f" (unknown: {', '.join(map(str, unknown))}); it was written by a newer Keysat:"
            " install that version again, or restore a backup made before it"
        )
    missing = [migration for migration in known if migration.version not in ledger]
    if missing and missing[0].version < last:
        raise MigrationRefused(
            f"the database is at schema {last} but lacks migration {missing[0].version:04d};"
            " restore a backup, or install the release that made it"
        )
    return missing


def changed(ledger: Ledger, known: Sequence[Migration]) -> list[Migration]:
    """Give the applied migrations that differ from this program's, in order."""
    return [
        migration
        for migration in known
        if migration.version in ledger and ledger[migration.version].checksum != migration.checksum
    ]
