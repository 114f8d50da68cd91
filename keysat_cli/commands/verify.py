"""``keysat verify``: is everything in a database as it should be."""

from pathlib import Path

import click

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_cli.exit_codes import ExitCode
from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit
from keysat_cli.session import environment
from keysat_cli.settings import read_store_settings, real_path
from keysat_cli.verification import (
    verification,
    verification_lines,
    verify_file,
    verify_log_counts,
)


@click.command(cls=JSONCommand)
@click.argument("path", required=False, type=click.Path(path_type=Path, dir_okay=False))
def verify(path: Path | None) -> None:
    """Check a database or a backup; exit code 9 if something is wrong.

    Without PATH it is the database the settings name, also while a server works on it. Nothing is
    changed. Every page, reference, license and invoice is looked at: two to three
    minutes for a million licenses.
    """
    looked_at = real_path(path) if path else read_store_settings(environment()).db_path
    findings = verify_file(looked_at)
    if path is None:
        findings = [*findings, verify_log_counts(Path(activity_path(looked_at)))]
    view = verification(looked_at, findings)
    emit(view, verification_lines(view))
    if not view.ok:
        click.get_current_context().exit(ExitCode.DIFFERENCES)
