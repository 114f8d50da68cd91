"""Healing: what may be done about an applied migration that differs from this program's.

Only a migration certified to be harmless when run again is ever touched (lifecycles 13.2,
decisions 25). Looking changes nothing; acting is ``migrations``' business.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import apsw

from keysat_adapters.sqlite.ledger import Ledger, changed, record_checksum
from keysat_adapters.sqlite.migration import Migration
from keysat_adapters.sqlite.shape import (
    differences,
    shape_after,
    shape_of,
    tables_touched_by,
)
from keysat_core.errors import MigrationRefused


class Remedy(StrEnum):
    """What heals a mismatch."""

    CHECKSUM_REWRITTEN = "checksum_rewritten"
    RUN_AGAIN = "run_again"


class Healing(NamedTuple):
    """One mismatch and what heals it."""

    migration: Migration
    remedy: Remedy


def healings(
    connection: apsw.Connection, ledger: Ledger, known: Sequence[Migration]
) -> list[Healing]:
    """Say what would heal every mismatch of a database, inside a transaction.

    Raises:
        MigrationRefused: One of them cannot be healed.
    """
    return [
        healing_of(connection, migration, ledger, known) for migration in changed(ledger, known)
    ]


def healing_of(
    connection: apsw.Connection, migration: Migration, ledger: Ledger, known: Sequence[Migration]
) -> Healing:
    """Say what would heal one mismatch, inside a transaction.

    Raises:
        MigrationRefused: Nothing would.
    """
    if not migration.is_certified:
        raise MigrationRefused(_uncertified(migration, ledger))
    had = [each for each in known if each.version in ledger]
    wrong = differences(shape_of(connection), shape_after(had))
    if not wrong:
        return Healing(migration, Remedy.CHECKSUM_REWRITTEN)
    later = _later_owner(migration, had)
    if later is not None:
        raise MigrationRefused(
            f"{_mismatch(migration, ledger)} and its part of the schema is damaged"
            f" ({'; '.join(wrong)}); it cannot run again, because {later.label} has changed the"
            " same tables since: restore a backup, or install the release that made the database;"
            " do not edit the ledger"
        )
    return Healing(migration, Remedy.RUN_AGAIN)


def heal(connection: apsw.Connection, healing: Healing, had: Sequence[Migration]) -> None:
    """Heal one mismatch inside the open transaction; ``had`` are the applied migrations.

    Raises:
        MigrationRefused: Running it again did not help.
        apsw.Error: It could not be run.
    """
    migration = healing.migration
    if healing.remedy is Remedy.RUN_AGAIN:
        migration.run(connection)
        wrong = differences(shape_of(connection), shape_after(had))
        if wrong:
            raise MigrationRefused(
                f"the schema is damaged ({'; '.join(wrong)}) and running {migration.label} again"
                " did not mend it, so that was undone: restore a backup, or install the release"
                " that made the database"
            )
    record_checksum(connection, migration)


def _later_owner(migration: Migration, had: Sequence[Migration]) -> Migration | None:
    """Find an applied migration after this one that touches the same tables."""

    def touched(one: Migration) -> frozenset[str]:
        return tables_touched_by(one, [each for each in had if each.version < one.version])

    own = touched(migration)
    later = (each for each in had if each.version > migration.version)
    return next((each for each in later if touched(each) & own), None)


def _mismatch(migration: Migration, ledger: Ledger) -> str:
    recorded = ledger[migration.version].checksum
    return (
        f"migration {migration.label} is not the one this database had"
        f" (recorded {recorded[:12]}, here {migration.checksum[:12]})"
    )


def _uncertified(migration: Migration, ledger: Ledger) -> str:
    return (
        f"{_mismatch(migration, ledger)}: this build differs from the release that made the"
        " database; install that release, or restore a backup; do not edit the ledger"
    )
