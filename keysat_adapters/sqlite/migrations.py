"""Bringing a database's schema to this program's version.

Migrations only go forward, each in one transaction, and are told apart by a checksum over text
that packaging cannot change (decisions 25). Two processes may start on one file: each change
looks at the ledger again once it holds the write lock. Before the first change of a database with
anything in it, a checked copy is put beside it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.emptied import REMEDY, refuse_emptied, refuse_empty
from keysat_adapters.sqlite.healing import Healing, Remedy, heal, healings
from keysat_adapters.sqlite.kept_counts import recount
from keysat_adapters.sqlite.ledger import (
    begin_ledger,
    ledger_of,
    ledger_within,
    pending,
    reading,
    record,
    refuse_stranger,
)
from keysat_adapters.sqlite.migration import Migration, packaged_migrations
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.safety_copy import SafetyCopy
from keysat_adapters.sqlite.session import Session
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


def refuse_unless_current(connection: apsw.Connection) -> None:
    """Let through a database that needs no migration.

    Raises:
        MigrationRefused: It does, or does not fit this program.
    """
    known = packaged_migrations()
    ledger = ledger_of(connection)
    if not ledger:
        raise MigrationRefused(f"the database cannot be used; {REMEDY}")
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
    refuse_emptied(path)
    create_file(path)
    refuse_stranger(path)
    connection = open_writer(path)
    try:
        return migrate(connection)
    finally:
        connection.close()


def recount_file(path: Path) -> dict[str, int]:
    """Count anew what is kept beside long tables; give by table how many keys differed.

    Nobody else can write meanwhile.

    Raises:
        MigrationRefused: It is not ours, or not of this version.
        StoreBusy, StoreUnavailable.
    """
    refuse_empty(path)
    refuse_stranger(path)
    connection = open_writer(path)
    try:
        refuse_unless_current(connection)
        session = Session(connection)
        session.begin(may_write=True, busy_seconds=WAIT_SECONDS)
        try:
            differed = recount(session)
        except BaseException:
            session.abandon()
            raise
        session.commit()
    finally:
        connection.close()
    return differed


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


def _judged(connection: apsw.Connection, known: Sequence[Migration]) -> list[Healing]:
    """Say what has to be healed before this program may work on a database.

    Raises:
        MigrationRefused: Something cannot be.
    """
    with reading(connection):
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
def _writing(connection: apsw.Connection) -> Iterator[None]:
    busy_ms = connection.pragma("busy_timeout")
    # A table can only be made anew while nobody checks who refers to it, and that is only settled
    # outside a transaction; everything is checked at once before the commit (_refuse_dangling).
    is_checking = connection.pragma("foreign_keys")
    try:
        connection.set_busy_timeout(int(WAIT_SECONDS * 1000))
        connection.pragma("foreign_keys", 0)
        connection.execute("BEGIN IMMEDIATE").fetchall()
        yield
        connection.execute("COMMIT").fetchall()
    except apsw.Error as exc:
        raise refusal(exc) from exc
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK").fetchall()
        connection.pragma("foreign_keys", is_checking)
        connection.set_busy_timeout(int(busy_ms))
