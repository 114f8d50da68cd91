"""Moving in from the earlier server: which files take part, and what is said of it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from keysat_adapters.sqlite.backup import log_of
from keysat_adapters.sqlite.earlier.moving_in import EARLIER, MovedIn, Places, move_in
from keysat_adapters.sqlite.earlier.report import NoteKind, Report
from keysat_adapters.sqlite.earlier.shape import is_earlier
from keysat_adapters.sqlite.exchange import forget_second_names
from keysat_cli.output import stamp, table
from keysat_cli.verification import file_problems
from keysat_core.domain.actor import SYSTEM, Actor
from keysat_core.domain.instant import Instant
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids

NOTES_SHOWN: Final = 20
"""How many notes of a kind are printed; the report has them all."""

_HEADINGS: Final = {
    NoteKind.LEFT: "Left in the earlier file",
    NoteKind.DEFECT: "Carried as it was, and yours to look at",
    NoteKind.CHANGED: "Carried, but not as it was",
}

log = logging.getLogger("keysat.moving_in")


def places_of(source: Path, target: Path, now: Instant) -> Places:
    """Name the files of an import that begins now."""
    at = stamp(now)
    return Places(
        source=source,
        target=target,
        aside=target.with_name(f"{target.stem}{EARLIER}-{at}.db"),
        report=target.with_name(f"{target.stem}-import-{at}.json"),
    )


def bring_in(
    source: Path,
    target: Path,
    *,
    actor: Actor,
    clock: Clock,
    ids: Ids,
    entropy: Entropy,
    is_dry: bool = False,
    may_leave: bool = False,
) -> MovedIn:
    """Import an earlier database; raises as ``move_in``."""
    now = clock.now()
    return move_in(
        places_of(source, target, now),
        verify=file_problems,
        actor=actor,
        ids=ids,
        entropy=entropy,
        now=now,
        is_dry=is_dry,
        may_leave=may_leave,
    )


def adopt(db_path: Path, *, clock: Clock, ids: Ids, entropy: Entropy) -> None:
    """Import the database in its place if it is one of the earlier server, and log what was done.

    Raises:
        MigrationRefused, SigningKeyUnusable, DatabaseInUse, PathTaken, StoreBusy, StoreUnavailable:
            It was left as it is.
    """
    # An import that was killed may have left the new database a second name, by which it is not opened.
    forget_second_names(db_path, log_of(db_path), aside=EARLIER)
    if not is_earlier(db_path):
        return
    log.warning("earlier_database_found db_path=%s", db_path)
    done = bring_in(db_path, db_path, actor=SYSTEM, clock=clock, ids=ids, entropy=entropy)
    report = done.report
    log.warning(
        "earlier_database_moved_in db_path=%s kept_as=%s report=%s licenses=%d keys_compared=%d"
        " changed=%d left=%d defects=%d",
        done.path,
        done.kept_path,
        done.report_path,
        sum(one.carried for one in report.tables if one.table == "licenses"),
        report.keys_compared,
        *(
            len(report.notes_of(kind))
            for kind in (NoteKind.CHANGED, NoteKind.LEFT, NoteKind.DEFECT)
        ),
    )


def report_lines(report: Report) -> Iterator[str]:
    """Spell a report for people: every table, then the notes of each kind."""
    rows = [
        (one.table, one.found, one.carried, one.changed, one.left, one.omitted or "")
        for one in report.tables
    ]
    yield from table(("table", "found", "carried", "changed", "left", "left out because"), rows)
    yield f"Keys that are what they were: {report.keys_compared}"
    for kind, heading in _HEADINGS.items():
        notes = report.notes_of(kind)
        if not notes:
            continue
        yield ""
        yield f"{heading}: {len(notes)}"
        for note in notes[:NOTES_SHOWN]:
            yield f"  {note.table} {note.id} [{note.rule}]: {note.what}"
        if len(notes) > NOTES_SHOWN:
            yield f"  … and {len(notes) - NOTES_SHOWN} more; --json and the report list them all"
