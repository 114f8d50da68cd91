"""``keysat import``: move in from a database of the earlier server."""

from pathlib import Path

import click
import msgspec

from keysat_adapters.sqlite.earlier.report import Report
from keysat_cli.groups import JSONCommand
from keysat_cli.moving_in import bring_in, report_lines
from keysat_cli.output import emit, facts
from keysat_cli.session import OPERATOR, environment
from keysat_cli.settings import read_store_settings, real_path
from keysat_cli.wiring import CLOCK, ENTROPY, IDS


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What was imported. ``dry_run``: nothing was, and ``db_path`` is where it would be."""

    ok: bool
    dry_run: bool
    db_path: str
    kept_path: str
    report_path: str | None
    report: Report


@click.command("import", cls=JSONCommand)
@click.argument("earlier", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "--into",
    metavar="PATH",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the new database is to be; where the settings say by default.",
)
@click.option(
    "--dry-run",
    "is_dry",
    is_flag=True,
    help="Do everything but the last step, also beside a working server; nothing is changed.",
)
@click.option(
    "--leave",
    "may_leave",
    is_flag=True,
    help="Go on without products and licenses that cannot be carried; the report names them.",
)
def import_(earlier: Path | None, into: Path | None, *, is_dry: bool, may_leave: bool) -> None:
    """Move in from a database of the earlier server, which must be at its version 25.

    EARLIER is its file; without it the one in the place of the database, as the server does it by
    itself when it starts. The new database is built beside it, verified, every license key compared,
    and only then put in its place. The earlier file is kept, and nothing is ever overwritten.
    """
    target = real_path(into) if into else read_store_settings(environment()).db_path
    source = real_path(earlier) if earlier else target
    done = bring_in(
        source,
        target,
        actor=OPERATOR,
        clock=CLOCK,
        ids=IDS,
        entropy=ENTROPY,
        is_dry=is_dry,
        may_leave=may_leave,
    )
    view = Imported(
        ok=True,
        dry_run=is_dry,
        db_path=str(done.path),
        kept_path=str(done.kept_path),
        report_path=str(done.report_path) if done.report_path else None,
        report=done.report,
    )
    pairs = [
        ("would be imported into" if is_dry else "imported into", view.db_path),
        ("the earlier file is", str(source) if is_dry else view.kept_path),
        ("report", view.report_path),
    ]
    emit(view, [*facts(pairs), "", *report_lines(done.report)])
