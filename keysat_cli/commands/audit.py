"""``keysat audit``: who changed what, and whether that record is as it was written."""

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from keysat_cli.commands.filter_options import audit_filter_options
from keysat_cli.exit_codes import ExitCode
from keysat_cli.groups import NounGroup
from keysat_cli.options import DATABASE_FILE
from keysat_cli.output import emit, facts, listing, note, time_text
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_cli.settings import read_store_settings, real_path
from keysat_cli.wiring import open_archive
from keysat_core.domain.audit_breaks import BreakKind, described
from keysat_core.domain.audit_chain import Anchor
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.audit_walk import ChainReport
from keysat_core.limits import AUDIT_PAGE_DEFAULT
from keysat_core.use_cases.server.list_audit import list_audit
from keysat_core.use_cases.server.verify_audit import verify_audit
from keysat_http.views.audit import audit_list_view

HEADINGS: Final = ("id", "occurred at", "actor", "action", "target", "target id", "details")


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One break: the ids from first to last, both included."""

    kind: BreakKind
    first_id: int
    last_id: int
    message: str
    belongs_at: int | None = None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """How an audit log stands. ``head``, given exactly if it is sound, is an anchor for later.

    ``is_complete`` is false when the log was given up after too many breaks.
    """

    ok: bool
    db_path: str
    row_count: int
    head: str | None
    is_complete: bool
    breaks: list[Found]


@click.group(cls=NounGroup)
def audit() -> None:
    """Read the audit log, and verify that nobody changed it."""


@audit.command("list")
@audit_filter_options
@click.option("--before-id", type=int, metavar="ID", help="Only older entries, for the next page.")
@click.option(
    "--limit",
    type=int,
    default=AUDIT_PAGE_DEFAULT,
    show_default=True,
    help="How many rows at most.",
)
@click.option(
    "--offset", type=int, default=0, show_default=True, help="How many rows to leave out first."
)
def list_(**fields: Any) -> None:
    """List who changed what, newest first; every option given must match."""
    criteria = AuditFilter(**fields)
    with open_shop() as ports:
        page = list_audit(OPERATOR, criteria, store=ports.store)
    cells = [
        (
            row.id,
            time_text(row.entry.occurred_at),
            row.entry.actor_kind,
            row.entry.action,
            row.entry.target_kind,
            row.entry.target_id,
            row.entry.details or None,
        )
        for row in page.rows
    ]
    emit(audit_list_view(page, criteria), listing(HEADINGS, cells, noun="audit entries"))
    left = page.total.number - criteria.offset - len(page.rows)
    if criteria.before_id is None and page.rows and left > 0:
        note(f"There are older ones: add --before-id {page.rows[-1].id}.")


@audit.command()
@click.argument("path", required=False, type=DATABASE_FILE, metavar="[FILE]")
@click.option(
    "--anchor", "anchor_text", metavar="ID:HASH", help="A head that an earlier run printed."
)
def verify(*, path: Path | None, anchor_text: str | None) -> None:
    """Verify that no audit row was changed, removed, inserted or moved; exit code 9 if one was.

    FILE is a backup, for example; without it the database of KEYSAT_DB_PATH. No byte of it is
    changed. Write the head down elsewhere: as an anchor it also shows rows that were cut off or
    sealed anew together with all that follow.
    """
    anchor = None if anchor_text is None else Anchor.parse(anchor_text)
    path = real_path(path) if path else read_store_settings(environment()).db_path
    with open_archive(path) as store:
        report = verify_audit(OPERATOR, anchor=anchor, store=store)
    emit(_view(path, report), _lines(path, report))
    if not report.is_sound:
        click.get_current_context().exit(ExitCode.DIFFERENCES)


def _view(path: Path, report: ChainReport) -> Verification:
    return Verification(
        ok=report.is_sound,
        db_path=str(path),
        row_count=report.row_count,
        head=_head(report),
        is_complete=report.is_complete,
        breaks=[
            Found(
                kind=found.kind,
                first_id=found.first_id,
                last_id=found.last_id,
                message=described(found),
                belongs_at=found.belongs_at,
            )
            for found in report.breaks
        ],
    )


def _lines(path: Path, report: ChainReport) -> list[str]:
    if report.is_sound:
        return facts((("database", str(path)), ("rows", report.row_count), ("head", _head(report))))
    lines = [f"The audit log of {path} is not as it was written.", *map(described, report.breaks)]
    return lines if report.is_complete else [*lines, "The rest was not looked at."]


def _head(report: ChainReport) -> str | None:
    """Give what is worth writing down: nothing, if the log is not as it was written."""
    return str(report.head) if report.is_sound and report.head is not None else None
