"""``keysat license issue-many``: licenses for a campaign, a reseller or a list of people."""

from typing import Any, TextIO

import click
import msgspec

from keysat_cli.commands.license_options import grant_options, granted_fields
from keysat_cli.groups import JSONCommand
from keysat_cli.options import dry_run_option
from keysat_cli.output import emit, is_dry_run, note
from keysat_cli.progress import progress_shown
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.grant import Receiver
from keysat_core.limits import EMAIL_CHARS_MAX, ISSUE_MANY_MAX
from keysat_core.use_cases.licenses.issue_licenses import IssueLicenses, issue_licenses
from keysat_http.views.license import issued_licenses_view

LIST_CHARS_MAX = ISSUE_MANY_MAX * (EMAIL_CHARS_MAX + 2)
"""As many of the longest addresses as may be given, and a line end behind each."""


class WouldIssue(msgspec.Struct, frozen=True, kw_only=True):
    """What a dry run tells: no key, because a key verifies offline whether its license exists or not."""

    count: int


@click.command("issue-many", cls=JSONCommand)
@grant_options
@click.option("--count", type=int, metavar="N", help=f"How many, up to {ISSUE_MANY_MAX}.")
@click.option(
    "--buyer-emails",
    "addresses",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="One for each address: a line of the file, or of stdin if it is -.",
)
@dry_run_option
def issue_many(*, count: int | None, addresses: TextIO | None, **fields: Any) -> None:
    """Issue many licenses on the same terms, all or none. Prints a key per line.

    Send the keys to a file. With --buyer-emails they come in the order of the addresses.
    """
    given = granted_fields(fields)
    if (count is None) == (addresses is None):
        raise click.UsageError("choose one of --count and --buyer-emails")
    if addresses is None:
        command = IssueLicenses(count=count or 0, **given)
    else:
        receivers = _receivers(addresses, given)
        command = IssueLicenses(count=len(receivers), receivers=receivers, **given)
    with open_shop() as ports, progress_shown("Signing") as progress:
        issued = issue_licenses(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
            progress=progress,
        )
    if is_dry_run():
        count = len(issued.keys)
        emit(WouldIssue(count=count), [f"{count} licenses would be issued."])
        return
    emit(issued_licenses_view(issued), issued.keys)
    note(f"Issued {len(issued.keys)} licenses.")


def _receivers(addresses: TextIO, given: dict[str, Any]) -> tuple[Receiver, ...]:
    if given["buyer_email"] is not None:
        raise click.UsageError("choose one of --buyer-email and --buyer-emails")
    shared = {name: given[name] for name in ("nostr_npub", "note")}
    emails = (line.strip() for line in _lines(addresses))
    return tuple(Receiver(buyer_email=email, **shared) for email in emails if email)


def _lines(file: TextIO) -> list[str]:
    try:
        text = file.read(LIST_CHARS_MAX + 1)
    except UnicodeDecodeError as exc:
        raise click.UsageError("the file of --buyer-emails is not UTF-8 text") from exc
    if len(text) > LIST_CHARS_MAX:
        raise click.UsageError(f"the file of --buyer-emails has more than {ISSUE_MANY_MAX} lines")
    return text.splitlines()
