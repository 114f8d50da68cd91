"""``keysat restore``: put a backup in the place of the database."""

from pathlib import Path

import click
import msgspec

from keysat_adapters.sqlite.exchange import ASIDE
from keysat_adapters.sqlite.restore import restore as put_in_place
from keysat_cli.groups import JSONCommand
from keysat_cli.options import confirm, yes_option
from keysat_cli.output import emit, facts, note, stamp, time_text
from keysat_cli.progress import progress_shown
from keysat_cli.session import environment
from keysat_cli.settings import read_store_settings, real_path
from keysat_cli.verification import file_problems
from keysat_cli.wiring import CLOCK
from keysat_core.domain.backup_schedule import stamped_at


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was put in place. ``moved_to``: the files that were there before."""

    ok: bool
    db_path: str
    backup: str
    has_activity: bool
    moved_to: list[str]


@click.command(cls=JSONCommand)
@click.argument("backup", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--replace", "is_replacing", is_flag=True, help="Move a database that is there aside."
)
@yes_option
def restore(backup: Path, *, is_replacing: bool, is_yes: bool) -> None:
    """Put a backup in the place of the database; the server must not run.

    The backup is verified first and stays where it is. A database that is there already is only
    exchanged with --replace, and is then kept beside the new one under a name of its own.
    """
    backup = real_path(backup)
    target = read_store_settings(environment()).db_path
    aside = target.with_name(f"{target.stem}{ASIDE}-{stamp(CLOCK.now())}.db")
    if is_replacing and target.exists():
        confirm(f"Replace {target} by {backup}? It is kept as {aside.name}.", is_yes=is_yes)
    with progress_shown("Copying") as progress:
        done = put_in_place(
            backup,
            target,
            aside,
            is_replacing=is_replacing,
            verify=file_problems,
            progress=progress,
        )
    began_at = time_text(stamped_at(backup.name)) or "the backup was begun"
    note(
        f"Start the server now. What was sold after {began_at} is not in the database: its payments"
        " are at your payment provider."
    )
    if done.lost_log:
        note(f"The validation log was not restored: {done.lost_log} is not there.")
    view = Restored(
        ok=True,
        db_path=str(done.path),
        backup=str(backup),
        has_activity=done.has_activity,
        moved_to=[str(path) for path in done.moved],
    )
    pairs = [
        ("database", view.db_path),
        ("restored from", view.backup),
        ("with validation log", view.has_activity),
        ("what was there is now", view.moved_to),
    ]
    emit(view, facts(pairs))
