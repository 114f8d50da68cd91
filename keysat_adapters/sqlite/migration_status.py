"""Saying how far a database has come, without changing it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import apsw

from keysat_adapters.sqlite.connection import is_file_there, open_unchanging
from keysat_adapters.sqlite.healing import healing_of
from keysat_adapters.sqlite.ledger import Ledger, changed, ledger_within, reading
from keysat_adapters.sqlite.migration import Migration, packaged_migrations
from keysat_core.errors import MigrationRefused


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


def migration_status(
    path: Path, migrations: Sequence[Migration] | None = None
) -> list[MigrationStatus]:
    """Compare a database with the program, in order of versions, without changing anything.

    Raises:
        MigrationRefused: It belongs to another program or to the earlier server.
        StoreUnavailable: It cannot be read, or is no database.
    """
    known = packaged_migrations() if migrations is None else migrations
    if not is_file_there(path):
        return _statuses({}, known, frozenset())
    connection = open_unchanging(path)
    try:
        with reading(connection):
            ledger = ledger_within(connection)
            return _statuses(ledger, known, _healable(connection, ledger, known))
    finally:
        connection.close()


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
