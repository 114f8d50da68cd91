"""``keysat migrate``: the database's schema and this version of the program."""

from pathlib import Path

import click
import msgspec

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.healing import Remedy
from keysat_adapters.sqlite.migration_status import (
    MigrationState,
    MigrationStatus,
    migration_status,
)
from keysat_adapters.sqlite.migrations import Migrated, migrate_file, recount_file
from keysat_adapters.sqlite.validation_days import recount_days
from keysat_cli.exit_codes import ExitCode
from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, table
from keysat_cli.session import environment
from keysat_cli.settings import read_store_settings
from keysat_cli.wiring import open_wiring


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """How one migration stands."""

    version: int
    name: str
    state: MigrationState


class Healed(msgspec.Struct, frozen=True, kw_only=True):
    """A migration that differed from the one the database had, and what was done about it."""

    version: int
    name: str
    remedy: Remedy


class Migrations(msgspec.Struct, frozen=True, kw_only=True):
    """How a database stands. ``ok``: it needs nothing.

    ``healed`` and ``copy_path`` say what this command did: the copy is of the database before it.
    """

    ok: bool
    db_path: str
    migrations: list[Migration]
    healed: list[Healed]
    copy_path: str | None


class Recounted(msgspec.Struct, frozen=True, kw_only=True):
    """The kept counts were made anew. ``differed``: by table, how many keys had other numbers."""

    ok: bool
    db_path: str
    differed: dict[str, int]


@click.command(cls=JSONCommand)
@click.option("--status", "is_status", is_flag=True, help="Only look; exit code 9 if it differs.")
@click.option(
    "--recount",
    "is_recount",
    is_flag=True,
    help="Only count anew what is kept beside long tables; nothing else can write meanwhile.",
)
def migrate(*, is_status: bool, is_recount: bool) -> None:
    """Bring the database to this version.

    The server does it by itself when it starts. A database that does not exist is made.
    """
    if is_status and is_recount:
        raise click.UsageError("--status only looks; give it or --recount")
    settings = read_store_settings(environment())
    if is_recount:
        differed = recount_file(settings.db_path)
        differed["validation_days"] = recount_days(Path(activity_path(settings.db_path)))
        counted = Recounted(ok=True, db_path=str(settings.db_path), differed=differed)
        emit(counted, table(("table", "keys that differed"), differed.items()))
        return
    done = Migrated([], [], None)
    if not is_status:
        done = migrate_file(settings.db_path)
        with open_wiring(settings):
            pass
    found = migration_status(settings.db_path)
    is_current = all(one.state is MigrationState.APPLIED for one in found)
    view = Migrations(
        ok=is_current,
        db_path=str(settings.db_path),
        migrations=[_view(one) for one in found],
        healed=[
            Healed(version=migration.version, name=migration.name, remedy=remedy)
            for migration, remedy in done.healed
        ],
        copy_path=str(done.copy_path) if done.copy_path else None,
    )
    emit(view, _lines(view))
    if not is_current:
        click.get_current_context().exit(ExitCode.DIFFERENCES)


def _lines(view: Migrations) -> list[str]:
    rows = [(f"{one.version:04d}", one.name, one.state) for one in view.migrations]
    lines = [f"Database {view.db_path}", *table(("version", "name", "state"), rows)]
    if view.copy_path:
        lines.append(f"Before that it was copied to {view.copy_path}")
    lines += [f"Healed {one.version:04d}_{one.name}: {one.remedy}" for one in view.healed]
    return lines


def _view(one: MigrationStatus) -> Migration:
    return Migration(version=one.version, name=one.name, state=one.state)
