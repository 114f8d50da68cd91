"""Bringing a database's schema to this program's version, and saying how far it has come.

Migrations only go forward, each in one transaction, and are told apart by a checksum over text
that packaging cannot change (decisions 25). Two processes may start on one file: each change
looks at the ledger again once it holds the write lock. Before the first change of a database with
anything in it, a checked copy is put beside it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from keysat_adapters.sqlite.connection import create_file, open_unchanging, open_writer
from keysat_adapters.sqlite.healing import Healing, Remedy, heal, healing_of, healings
from keysat_adapters.sqlite.ledger import (
    Ledger,
    begin_ledger,
    changed,
    ledger_of,
    ledger_within,
    pending,
    record,
    refuse_stranger,
)
from keysat_adapters.sqlite.migration import Migration, packaged_migrations
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.safety_copy import SafetyCopy
from keysat_core.errors import MigrationRefused

WAIT_SECONDS: Final = 120.0
"""Longest wait for another process that is migrating: it copies and checks the whole file first."""

# The standard library's, which the server's structlog takes in: every command loads this module, and
# structlog alone would take a tenth of a second of each. Without a server it goes to stderr.
log = logging.getLogger("keysat.sqlite")


_REMEDIES: Final[Mapping[Remedy, str]] = {
    Remedy.CHECKSUM_REWRITTEN: "the schema is as it should be, so its checksum was recorded anew",
    Remedy.RUN_AGAIN: "the schema was not as it should be, so it was run again",
}


class Migrated(NamedTuple):
    """What was done to a database. ``copy_path``: the copy of it as it was before, if one was due."""

    applied: list[Migration]
    healed: list[Healing]
    copy_path: Path | None


class MigrationState(StrEnum):
    """How a migration of the program and the ledger of a database compare."""

    APPLIED = "applied"
    PENDING = "pending"
    HEALABLE = "healable"
    CHANGED = "changed"
    UNKNOWN = "unknown"


class MigrationStatus(NamedTuple):
    """One line of ``migration_status``."""

    version: int
    name: str
    state: MigrationState


def refuse_unless_current(connection: apsw.Connection) -> None:
    """Let through a database that needs no migration.

    Raises:
        MigrationRefused: It does, or does not fit this program.
    """
    known = packaged_migrations()
    ledger = ledger_of(connection)
    if pending(ledger, known):
        raise MigrationRefused(
            "the database has not been migrated to this version; start the server once to migrate it"
        )
    for healing in _judged(connection, known):
        raise MigrationRefused(
            f"migration {healing.migration.label} differs from the one this database had;"
            " start the server once, or run keysat migrate, to heal it"
        )


def migrate_file(path: Path) -> Migrated:
    """Make a database file if need be and bring it to this version; raises as ``migrate``."""
    create_file(path)
    refuse_stranger(path)
    connection = open_writer(path)
    try:
        return migrate(connection)
    finally:
        connection.close()


def migrate(connection: apsw.Connection, migrations: Sequence[Migration] | None = None) -> Migrated:
    """Heal what may be healed, apply what is missing, and say what was done.

    The connection must hold no transaction.

    Raises:
        MigrationRefused: The database does not fit these migrations; nothing was changed.
        StoreBusy, StoreUnavailable: Those before the one that failed are kept.
    """
    known = packaged_migrations() if migrations is None else migrations
    copy = SafetyCopy(connection)
    healed: list[Healing] = []
    applied: list[Migration] = []
    try:
        if _judged(connection, known):
            with _writing(connection):
                healed = _heal(connection, known, copy)
            _tell(healed)
        for migration in pending(ledger_of(connection), known):
            with _writing(connection):
                is_applied = _apply(connection, migration, known, copy)
            if is_applied:
                applied.append(migration)
    except BaseException:
        if not (healed or applied):
            # The database itself is still what the copy is of.
            copy.discard()
        raise
    return Migrated(applied, healed, copy.path)


def migration_status(
    path: Path, migrations: Sequence[Migration] | None = None
) -> list[MigrationStatus]:
    """Compare a database with the program, in order of versions, without changing anything.

    Raises:
        MigrationRefused: It belongs to another program or to the earlier server.
        StoreUnavailable: It cannot be read, or is no database.
    """
    known = packaged_migrations() if migrations is None else migrations
    if not path.exists():
        return _statuses({}, known, frozenset())
    connection = open_unchanging(path)
    try:
        with _reading(connection):
            ledger = ledger_within(connection)
            return _statuses(ledger, known, _healable(connection, ledger, known))
    finally:
        connection.close()


def _judged(connection: apsw.Connection, known: Sequence[Migration]) -> list[Healing]:
    """Say what has to be healed before this program may work on a database.

    Raises:
        MigrationRefused: Something cannot be.
    """
    with _reading(connection):
        ledger = ledger_within(connection)
        pending(ledger, known)
        return healings(connection, ledger, known)


def _heal(
    connection: apsw.Connection, known: Sequence[Migration], copy: SafetyCopy
) -> list[Healing]:
    """Heal all mismatches inside the open transaction, unless another process just did."""
    ledger = ledger_within(connection)
    due = healings(connection, ledger, known)
    for healing in due:
        if healing.remedy is Remedy.RUN_AGAIN:
            copy.make(ledger, healing.migration)
    had = [migration for migration in known if migration.version in ledger]
    for healing in due:
        heal(connection, healing, had)
    _refuse_dangling(connection, "healing")
    return due


def _apply(
    connection: apsw.Connection,
    migration: Migration,
    known: Sequence[Migration],
    copy: SafetyCopy,
) -> bool:
    """Apply one migration inside the open transaction, unless another process just did."""
    ledger = ledger_within(connection)
    if migration not in pending(ledger, known):
        return False
    if ledger:
        copy.make(ledger, migration)
    else:
        begin_ledger(connection)
    migration.run(connection)
    _refuse_dangling(connection, f"migration {migration.label}")
    record(connection, migration)
    return True


def _refuse_dangling(connection: apsw.Connection, what: str) -> None:
    dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
    if dangling:
        raise MigrationRefused(
            f"{what} would leave {len(dangling)} dangling references in table {dangling[0][0]};"
            " it was undone: restore a backup or report this"
        )


def _tell(healed: Sequence[Healing]) -> None:
    for migration, remedy in healed:
        log.warning(
            "migration %s differed from the one this database had and was healed: %s",
            migration.label,
            _REMEDIES[remedy],
        )


@contextmanager
def _reading(connection: apsw.Connection) -> Iterator[None]:
    try:
        connection.execute("BEGIN").fetchall()
        try:
            yield
        finally:
            connection.execute("ROLLBACK").fetchall()
    except apsw.Error as exc:
        raise refusal(exc) from exc


@contextmanager
def _writing(connection: apsw.Connection) -> Iterator[None]:
    busy_ms = connection.pragma("busy_timeout")
    try:
        connection.set_busy_timeout(int(WAIT_SECONDS * 1000))
        connection.execute("BEGIN IMMEDIATE").fetchall()
        yield
        connection.execute("COMMIT").fetchall()
    except apsw.Error as exc:
        raise refusal(exc) from exc
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK").fetchall()
        connection.set_busy_timeout(int(busy_ms))


def _healable(
    connection: apsw.Connection, ledger: Ledger, known: Sequence[Migration]
) -> frozenset[int]:
    if not ledger.keys() <= {migration.version for migration in known}:
        return frozenset()
    healable = set()
    for migration in changed(ledger, known):
        try:
            healing_of(connection, migration, ledger, known)
        except MigrationRefused:
            continue
        healable.add(migration.version)
    return frozenset(healable)


def _statuses(
    ledger: Ledger, known: Sequence[Migration], healable: frozenset[int]
) -> list[MigrationStatus]:
    by_version = {migration.version: migration for migration in known}
    return [
        _status(version, by_version, ledger, is_healable=version in healable)
        for version in sorted({*by_version, *ledger})
    ]


def _status(
    version: int, known: Mapping[int, Migration], ledger: Ledger, *, is_healable: bool
) -> MigrationStatus:
    migration, applied = known.get(version), ledger.get(version)
    if migration is None:
        name = applied.name if applied else ""
        return MigrationStatus(version, name, MigrationState.UNKNOWN)
    if applied is None:
        return MigrationStatus(version, migration.name, MigrationState.PENDING)
    if applied.checksum == migration.checksum:
        return MigrationStatus(version, migration.name, MigrationState.APPLIED)
    state = MigrationState.HEALABLE if is_healable else MigrationState.CHANGED
    return MigrationStatus(version, migration.name, state)
