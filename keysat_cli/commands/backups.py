"""``keysat backups``: which backups there are, also when there is no database any more."""

from pathlib import Path

import click
import msgspec

from keysat_adapters.sqlite.backup_folder import BackupFile, list_backups
from keysat_adapters.sqlite.checksum import checksum_problems
from keysat_cli.exit_codes import ExitCode
from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, listing
from keysat_cli.session import environment
from keysat_cli.settings import read_store_settings
from keysat_cli.wiring import CLOCK
from keysat_core.domain.backup_schedule import stamped_at
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, rfc3339

SCHEDULED = "-scheduled-"
"""What the names of those have in common that the server made by itself."""


class KeptBackup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup.

    ``is_verified``: it was found good when it was written, and its checksums are beside it; with
    --checksums also, every byte is still as it was written. ``began_at`` is the file's own time
    where its name tells none.
    """

    path: str
    began_at: str
    age_seconds: int
    size_bytes: int
    is_scheduled: bool
    is_verified: bool


class KeptBackups(msgspec.Struct, frozen=True, kw_only=True):
    """Every backup in a folder, the newest first. ``ok``: each is as it was written."""

    ok: bool
    folder: str
    backups: list[KeptBackup]


@click.command(cls=JSONCommand)
@click.option(
    "--in", "folder", type=click.Path(path_type=Path), help="Another folder than the settings name."
)
@click.option("--checksums", is_flag=True, help="Read every byte; exit code 9 if one was changed.")
def backups(folder: Path | None, *, checksums: bool) -> None:
    """List the backups there are, with their age and size, and whether they were verified.

    It needs no database. To ask everything of one of them: keysat verify FILE.
    """
    looked_at = folder or read_store_settings(environment()).backup_folder
    found = list_backups(looked_at)
    damaged = {one.path for one in found if checksums and checksum_problems(one.path)}
    rows = sorted(
        (_view(one, is_damaged=one.path in damaged) for one in found),
        key=lambda row: (row.began_at, row.path),
        reverse=True,
    )
    view = KeptBackups(ok=not damaged, folder=str(looked_at), backups=rows)
    table = [
        (row.path, _age_text(row.age_seconds), row.size_bytes, row.is_scheduled, row.is_verified)
        for row in rows
    ]
    headings = ("backup", "age", "bytes", "scheduled", "verified")
    emit(view, listing(headings, table, noun=f"backups in {looked_at}"))
    if damaged:
        click.get_current_context().exit(ExitCode.DIFFERENCES)


def _view(one: BackupFile, *, is_damaged: bool) -> KeptBackup:
    began_at = stamped_at(one.path.name)
    began_at = one.changed_at if began_at is None else began_at
    return KeptBackup(
        path=str(one.path),
        began_at=rfc3339(began_at),
        age_seconds=CLOCK.now() - began_at,
        size_bytes=one.size_bytes,
        is_scheduled=SCHEDULED in one.path.name,
        is_verified=one.is_listed and not is_damaged,
    )


def _age_text(seconds: int) -> str:
    for unit, length in (("d", DAY_SECONDS), ("h", HOUR_SECONDS), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds)} s"
