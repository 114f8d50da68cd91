"""``keysat license import``: issue the licenses of a CSV file."""

from typing import BinaryIO

import click
import msgspec

from keysat_cli.exit_codes import ExitCode
from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, note
from keysat_cli.private_file import private_file
from keysat_cli.progress import progress_shown
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.limits import PROBLEMS_SHOWN_MAX, TABLE_BYTES_MAX
from keysat_core.use_cases.licenses.issue_from_table import (
    IssueFromTable,
    OnError,
    TableReport,
    issue_from_table,
)
from keysat_http.views.issued_table import issued_table_view


@click.command("import", cls=JSONCommand)
@click.argument("file", type=click.File("rb"), metavar="FILE.csv")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Only look whether every row is good.")
@click.option(
    "--on-error",
    type=click.Choice([str(one) for one in OnError]),
    default=str(OnError.ABORT),
    show_default=True,
    help="A row that is wrong stops all, or is left out.",
)
@click.option(
    "--report",
    metavar="FILE",
    help="Write the report with the keys there, as JSON for your eyes alone, instead of to stdout.",
)
def import_(*, file: BinaryIO, is_dry_run: bool, on_error: str, report: str | None) -> None:
    """Issue a license for every row of a CSV file, or of stdin if it is -. Prints a key per line.

    Columns: product_slug, policy_slug, buyer_email, nostr_npub, note, expires_at, max_machines,
    grace_seconds, entitlements, is_trial, quantity. Exit code 4 if a row is wrong.
    """
    command = IssueFromTable(csv=_text(file), is_dry_run=is_dry_run, on_error=OnError(on_error))
    with open_shop() as ports, progress_shown("Signing") as progress:
        issued = issue_from_table(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
            progress=progress,
        )
    view = issued_table_view(issued)
    if report is None:
        keys = [one.license_key for row in view.rows for one in row.licenses]
        emit(view, keys)
    else:
        with private_file(report) as out:
            out.write(msgspec.json.encode(view))
        emit(msgspec.structs.replace(view, rows=[]), [report])
    _say(issued)
    if issued.failed_count:
        click.get_current_context().exit(ExitCode.REFUSED)


def _text(file: BinaryIO) -> str:
    content = file.read(TABLE_BYTES_MAX + 1)
    if len(content) > TABLE_BYTES_MAX:
        raise click.UsageError(f"the file has more than {TABLE_BYTES_MAX} bytes; divide it")
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise click.UsageError("the file is not UTF-8 text") from exc


def _say(report: TableReport) -> None:
    wrong = [row for row in report.rows if row.problem is not None]
    for row in wrong[:PROBLEMS_SHOWN_MAX]:
        note(f"Row {row.number}: {row.problem}")
    if len(wrong) > PROBLEMS_SHOWN_MAX:
        note(f"… and {len(wrong) - PROBLEMS_SHOWN_MAX} more rows.")
    if report.is_dry_run:
        note(f"{len(report.rows) - len(wrong)} of {len(report.rows)} rows are good.")
    else:
        note(f"Issued {report.issued_count} licenses.")
