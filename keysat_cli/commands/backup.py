"""``keysat backup``: a verified copy of the database, made while the server works."""

import os
from pathlib import Path
from typing import Final

import click
import msgspec

from keysat_adapters.sqlite.backup import Backup, back_up, log_of
from keysat_adapters.sqlite.snapshot import remove_abandoned
from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, facts, note, stamp, time_text
from keysat_cli.progress import progress_shown
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_cli.settings import StoreSettings, read_store_settings
from keysat_cli.verification import file_problems
from keysat_core.domain.instant import Instant
from keysat_core.errors import KeysatError
from keysat_core.use_cases.server.record_backup import RecordBackup, record_backup

SUFFIX: Final = ".db"
"""What every backup ends with: neither SQLite's files beside a database nor a list of checksums."""


class BackupMade(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was verified and has its name."""

    ok: bool
    path: str
    activity_path: str | None
    size_bytes: int
    began_at: str


@click.command(cls=JSONCommand)
@click.option(
    "--to",
    "destination",
    metavar="PATH",
    help="File, or folder for a file named by the time; KEYSAT_BACKUP_FOLDER by default.",
)
def backup(destination: str | None) -> None:
    """Copy the database to a verified backup while the server works.

    The copy holds everything from before the command began: products, licenses, invoices, the
    signing key, and the validation log in a file of its own. Nothing is ever overwritten, and a
    backup that failed leaves no file.
    """
    settings = read_store_settings(environment())
    db_path = settings.db_path
    with open_shop() as ports:
        began_at = ports.clock.now()
        final = _destination(destination, settings, began_at)
        _refuse_own(final, settings)
        remove_abandoned(final.parent)
        with progress_shown("Copying") as progress:
            made = back_up(db_path, final, verify=file_problems, progress=progress)
        command = RecordBackup(
            path=str(made.path.absolute()), began_at=began_at, size_bytes=made.size_bytes
        )
        try:
            record_backup(OPERATOR, command, store=ports.store, clock=ports.clock)
        except KeysatError:
            note(f"The backup is good and lies at {made.path}, but that could not be noted down.")
            raise
    _emit(made, began_at)


def _destination(text: str | None, settings: StoreSettings, now: Instant) -> Path:
    name = f"{settings.db_path.stem}-{stamp(now)}.db"
    if text is None:
        return settings.backup_folder / name
    path = Path(text).expanduser()
    return path / name if text.endswith("/") or path.is_dir() else path


def _refuse_own(final: Path, settings: StoreSettings) -> None:
    """Refuse names a server uses, or would take for something else."""
    if final.suffix != SUFFIX:
        raise click.BadParameter(
            f"{final} must end with {SUFFIX}; end the name of a new folder with /",
            param_hint="--to",
        )
    own = (settings.db_path, log_of(settings.db_path), settings.sandbox_path)
    if os.path.realpath(final) in map(os.path.realpath, own):
        raise click.BadParameter(f"{final} is a file the server itself uses", param_hint="--to")


def _emit(made: Backup, began_at: Instant) -> None:
    log = str(made.activity_path) if made.activity_path else None
    view = BackupMade(
        ok=True,
        path=str(made.path),
        activity_path=log,
        size_bytes=made.size_bytes,
        began_at=time_text(began_at) or "",
    )
    pairs = [
        ("backup", view.path),
        ("validation log", log),
        ("bytes", view.size_bytes),
        ("holds all before", view.began_at),
    ]
    emit(view, facts(pairs))
