"""Bringing a database's schema to this program's version, and saying how far it has come.

Migrations only go forward, each in one transaction, and are told apart by a checksum over text
that packaging cannot change (decisions 25). Two processes may start on one file: each migration
looks at the ledger again once it holds the write lock.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import apsw
import msgspec

from keysat_adapters.sqlite.audit_seals import seal_audit_log
from keysat_adapters.sqlite.connection import open_unchanging
from keysat_adapters.sqlite.refusals import refusal
from keysat_core.errors import MigrationRefused

APPLICATION_ID: Final = 0x4B455953
"""``KEYS`` in the header of every database of ours."""

_FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

_EARLIER_LEDGER: Final = "_sqlx_migrations"
"""Ledger of the earlier server. Source: lifecycles 13.1."""

_STEPS: Final[Mapping[int, Callable[[apsw.Connection], None]]] = {3: seal_audit_log}
"""What SQL alone cannot do, after the SQL of a version and in its transaction."""

_LEDGER: Final = (
    "CREATE TABLE schema_migrations (\n"
    "    version INTEGER PRIMARY KEY,\n"
    "    name TEXT NOT NULL,\n"
    "    checksum TEXT NOT NULL,\n"
    "    applied_at INTEGER NOT NULL\n"
    ") STRICT"
)


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered change of the schema; ``step`` follows the SQL and is not in the checksum."""

    version: int
    name: str
    sql: str
    step: Callable[[apsw.Connection], None] | None = None

    @property
    def checksum(self) -> str:
        """Lower-hex SHA-256 of the SQL with LF ends, no trailing white space, one final newline."""
        lines = self.sql.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        text = "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"
        return sha256(text.encode()).hexdigest()


class Applied(NamedTuple):
    """What the ledger says of a migration."""

    name: str
    checksum: str


Ledger: TypeAlias = Mapping[int, Applied]


class MigrationState(StrEnum):
    """How a migration of the program and the ledger of a database compare."""

    APPLIED = "applied"
    PENDING = "pending"
    CHANGED = "changed"
    UNKNOWN = "unknown"


class MigrationStatus(NamedTuple):
    """One line of ``migration_status``."""

    version: int
    name: str
    state: MigrationState


@cache
def packaged_migrations() -> tuple[Migration, ...]:
    """Give the migrations this program carries, in order."""
    folder = files("keysat_adapters.sqlite") / "migrations"
    found = []
    for entry in folder.iterdir():
        match = _FILE_NAME.fullmatch(entry.name)
        if match:
            sql = entry.read_text(encoding="utf-8")
            version = int(match[1])
            found.append(
                Migration(version=version, name=match[2], sql=sql, step=_STEPS.get(version))
            )
    return tuple(sorted(found, key=lambda migration: migration.version))


def refuse_stranger(path: Path) -> None:
    """Let through a file that is empty or ours, without changing a byte of it.

    Raises:
        MigrationRefused: It belongs to another program or to the earlier server.
        StoreUnavailable: It cannot be read, or is no database.
    """
    read_ledger(path)


def refuse_unless_current(connection: apsw.Connection) -> None:
    """Let through a database that needs no migration.

    Raises:
        MigrationRefused: It does, or does not fit this program.
    """
    if pending(_ledger_of(connection), packaged_migrations()):
        raise MigrationRefused(
            "the database has not been migrated to this version; start the server once to migrate it"
        )


def migrate(
    connection: apsw.Connection, migrations: Sequence[Migration] | None = None
) -> list[Migration]:
    """Apply what is missing and give it. The connection must hold no transaction.

    Raises:
        MigrationRefused: The database does not fit these migrations; nothing was changed.
        StoreBusy, StoreUnavailable: Those before the one that failed are kept.
    """
    known = packaged_migrations() if migrations is None else migrations
    applied = []
    for migration in pending(_ledger_of(connection), known):
        try:
            connection.execute("BEGIN IMMEDIATE").fetchall()
            if _apply(connection, migration, known):
                applied.append(migration)
            connection.execute("COMMIT").fetchall()
        except apsw.Error as exc:
            raise refusal(exc) from exc
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK").fetchall()
    return applied


def migration_status(
    path: Path, migrations: Sequence[Migration] | None = None
) -> list[MigrationStatus]:
    """Compare a database with the program, in order of versions, without changing anything.

    Raises:
        MigrationRefused: It belongs to another program or to the earlier server.
        StoreUnavailable: It cannot be read, or is no database.
    """
    ledger = read_ledger(path)
    known = {m.version: m for m in (packaged_migrations() if migrations is None else migrations)}
    return [_status(version, known, ledger) for version in sorted({*known, *ledger})]


def pending(ledger: Ledger, known: Sequence[Migration]) -> list[Migration]:
    """Give the migrations a database still needs, in order.

    Raises:
        MigrationRefused: The ledger tells of other migrations than these.
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
    for migration in known:
        applied = ledger.get(migration.version)
        if applied is not None and applied.checksum != migration.checksum:
            raise MigrationRefused(_changed(migration, applied))
    missing = [migration for migration in known if migration.version not in ledger]
    if missing and missing[0].version < last:
        raise MigrationRefused(
            f"the database is at schema {last} but lacks migration {missing[0].version:04d};"
            " restore a backup, or install the release that made it"
        )
    return missing


def read_ledger(path: Path) -> Ledger:
    """Read which migrations a file has had; none if it does not exist or is empty.

    Raises:
        MigrationRefused: It belongs to another program or to the earlier server.
        StoreUnavailable: It cannot be read, or is no database.
    """
    if not path.exists():
        return {}
    connection = open_unchanging(path)
    try:
        return _ledger_of(connection)
    finally:
        connection.close()


def _ledger_of(connection: apsw.Connection) -> Ledger:
    try:
        connection.execute("BEGIN").fetchall()
        try:
            return _ledger_within(connection)
        finally:
            connection.execute("ROLLBACK").fetchall()
    except apsw.Error as exc:
        raise refusal(exc) from exc


def _ledger_within(connection: apsw.Connection) -> Ledger:
    """Read the ledger inside a transaction, which makes one picture of what is read."""
    named = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    tables = {name for (name,) in connection.execute(named).fetchall()}
    application_id = connection.pragma("application_id")
    if _EARLIER_LEDGER in tables:
        raise MigrationRefused(
            f"this database was made by an earlier Keysat server (it has a table {_EARLIER_LEDGER});"
            " this version cannot import it yet and has left it untouched: go on using the earlier"
            " server for it, or set KEYSAT_DB_PATH to a new file"
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


def _apply(connection: apsw.Connection, migration: Migration, known: Sequence[Migration]) -> bool:
    """Apply one migration inside the open transaction, unless another process just did."""
    ledger = _ledger_within(connection)
    if migration not in pending(ledger, known):
        return False
    if not ledger:
        connection.pragma("application_id", APPLICATION_ID)
        connection.execute(_LEDGER).fetchall()
    # The cursor is drained, because otherwise only the first statement would run.
    connection.execute(migration.sql).fetchall()
    if migration.step is not None:
        migration.step(connection)
    dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
    if dangling:
        raise MigrationRefused(
            f"migration {migration.version:04d}_{migration.name} would leave {len(dangling)}"
            f" dangling references in table {dangling[0][0]}; it was undone: restore a backup or"
            " report this"
        )
    connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum, applied_at)"
        " VALUES (?, ?, ?, unixepoch())",
        (migration.version, migration.name, migration.checksum),
    ).fetchall()
    return True


def _changed(migration: Migration, applied: Applied) -> str:
    return (
        f"migration {migration.version:04d}_{migration.name} is not the one this database had"
        f" (recorded {applied.checksum[:12]}, here {migration.checksum[:12]}): this build differs"
        " from the release that made the database; install that release, or restore a backup;"
        " do not edit the ledger"
    )


def _status(version: int, known: Mapping[int, Migration], ledger: Ledger) -> MigrationStatus:
    migration, applied = known.get(version), ledger.get(version)
    if migration is None:
        name = applied.name if applied else ""
        return MigrationStatus(version, name, MigrationState.UNKNOWN)
    if applied is None:
        return MigrationStatus(version, migration.name, MigrationState.PENDING)
    is_same = applied.checksum == migration.checksum
    state = MigrationState.APPLIED if is_same else MigrationState.CHANGED
    return MigrationStatus(version, migration.name, state)
