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
    issue_from_table,
)
from keysat_http.views.issued_table import IssuedTable, issued_table_view


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
    command = IssueFromTable(
        csv=read_table(file), is_dry_run=is_dry_run, on_error=OnError(on_error)
    )
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
    show(issued_table_view(issued), report)


def show(view: IssuedTable, report: str | None) -> None:
    """Print a report and what is wrong, or write it to a file, and end with the code that tells."""
    if report is None:
        keys = [one.license_key for row in view.rows for one in row.licenses]
        emit(view, keys)
    else:
        with private_file(report) as out:
            out.write(msgspec.json.encode(view))
        emit(msgspec.structs.replace(view, rows=[]), [report])
    _say(view)
    if view.failed:
        click.get_current_context().exit(ExitCode.REFUSED)


def read_table(file: BinaryIO) -> str:
    """Read the file.

    Raises:
        click.UsageError: It is too long, or no UTF-8 text.
    """
    content = file.read(TABLE_BYTES_MAX + 1)
    if len(content) > TABLE_BYTES_MAX:
        raise click.UsageError(f"the file has more than {TABLE_BYTES_MAX} bytes; divide it")
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise click.UsageError("the file is not UTF-8 text") from exc


def _say(view: IssuedTable) -> None:
    wrong = [row for row in view.rows if row.error is not None]
    for row in wrong[:PROBLEMS_SHOWN_MAX]:
        error = row.error
        note(f"Row {row.row}: {error.field}: {error.problem}" if error else "")
    if len(wrong) > PROBLEMS_SHOWN_MAX:
        note(f"… and {len(wrong) - PROBLEMS_SHOWN_MAX} more rows.")
    if view.dry_run:
        note(f"{len(view.rows) - len(wrong)} of {len(view.rows)} rows are good.")
    else:
        note(f"Issued {view.issued} licenses.")
