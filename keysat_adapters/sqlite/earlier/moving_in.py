"""Moving in: building a new database from an earlier one, and putting it in its place.

Whatever stops it, the database's name means the earlier one, as it was, or the new one, whole. The
earlier file is kept. Source: decisions 24.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import msgspec

from keysat_adapters.sqlite.backup import Verify, log_of
from keysat_adapters.sqlite.connection import open_unchanging
from keysat_adapters.sqlite.earlier.carry import carry
from keysat_adapters.sqlite.earlier.report import NoteKind, Report
from keysat_adapters.sqlite.earlier.shape import is_earlier, refuse_unless_complete
from keysat_adapters.sqlite.exchange import Exchange, exchange, forget_second_names
from keysat_adapters.sqlite.migrations import migrate_file
from keysat_adapters.sqlite.refusals import BUSY, refusal
from keysat_adapters.sqlite.snapshot import (
    partial_for,
    partial_name,
    publish,
    side_files,
    sync_file,
    write_durably,
)
from keysat_core.domain.actor import Actor
from keysat_core.domain.instant import Instant
from keysat_core.errors import DatabaseInUse, MigrationRefused, PathTaken, StoreUnavailable
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids

EARLIER: Final = "-earlier"
"""What follows the stem of a database in the name the earlier file gets."""

NAMED_MAX: Final = 5
"""How many rows a refusal names."""

_ALONE_WAIT_MS: Final = 500
"""Longest wait for another process to close: a server that is just ending."""


class MovedIn(msgspec.Struct, frozen=True, kw_only=True):
    """What was moved in. ``kept_path``: the earlier file. ``report_path`` None: it was only tried."""

    path: Path
    kept_path: Path
    report_path: Path | None
    report: Report


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Which files take part. ``aside`` is the earlier file's name afterwards if it is in the place."""

    source: Path
    target: Path
    aside: Path
    report: Path

    @property
    def is_same(self) -> bool:
        """The earlier database lies where the new one is to be."""
        return self.target.exists() and self.target.samefile(self.source)


def move_in(
    places: Places,
    *,
    verify: Verify,
    actor: Actor,
    ids: Ids,
    entropy: Entropy,
    now: Instant,
    is_dry: bool = False,
    may_leave: bool = False,
) -> MovedIn:
    """Build a database from an earlier one, verify it, and only then give it its place.

    Nothing that exists is overwritten, and a license that cannot be carried stops the import unless
    it ``may_leave`` some. With ``is_dry`` everything is done but the last step, beside
    a server that may be working.

    Raises:
        PathTaken: There is another database in the place, or a file of one of the names.
        MigrationRefused: It is no database of the earlier server at version 25, or the new one
            would not be in order.
        SigningKeyUnusable: Its signing key cannot be used.
        DatabaseInUse: A server works on it.
        StoreBusy, StoreUnavailable: It cannot be read, or the new one cannot be written.
    """
    _refuse_taken(places)
    target, log = places.target, log_of(places.target)
    if not is_dry:
        forget_second_names(target, log, aside=EARLIER)
    with (
        _picture_of(places.source, is_shared=is_dry) as source,
        partial_for(target) as partial,
        partial_for(log) as partial_log,
        partial_for(places.report) as partial_report,
    ):
        refuse_unless_complete(source)
        migrate_file(partial)
        report = carry(source, partial, partial_log, actor=actor, ids=ids, entropy=entropy, now=now)
        if not (may_leave or is_dry):
            _refuse_left(report)
        _settle(partial, partial_log)
        problems = verify(partial)
        if problems:
            listed = "; ".join(problems)
            raise MigrationRefused(
                f"the new database would not be in order: {listed}. Nothing was changed"
            )
        kept = places.aside if places.is_same else places.source
        done = MovedIn(path=target, kept_path=kept, report_path=None, report=report)
        if is_dry:
            return done
        write_durably(partial_report, spelled(report))
        publish(partial_report, places.report)
        try:
            _put(places, source, partial, partial_log)
        except BaseException:
            places.report.unlink(missing_ok=True)
            raise
    return msgspec.structs.replace(done, report_path=places.report)


def spelled(report: Report) -> str:
    """Spell a report as JSON."""
    return msgspec.json.format(msgspec.json.encode(report)).decode() + "\n"


def _refuse_left(report: Report) -> None:
    """Refuse to go on without licenses that buyers hold.

    Raises:
        MigrationRefused: Some were left; the first are named.
    """
    left = [
        note for note in report.notes_of(NoteKind.LEFT) if note.table in ("licenses", "products")
    ]
    if left:
        named = "; ".join(f"{note.table} {note.id}: {note.what}" for note in left[:NAMED_MAX])
        raise MigrationRefused(
            f"{len(left)} products and licenses could not be carried, and their keys would not be known"
            f" any more: {named}. Nothing was changed. Look with keysat import --dry-run, and if they may"
            " be left: keysat import --leave"
        )


def _refuse_taken(places: Places) -> None:
    if not places.source.exists():
        raise StoreUnavailable(f"{places.source} does not exist")
    if not is_earlier(places.source):
        raise MigrationRefused(f"{places.source} is no database of the earlier Keysat server")
    if places.target.exists() and not places.is_same:
        remedy = "name another with --into, or move it away"
        raise PathTaken(str(places.target), remedy)
    target_names = (places.target, log_of(places.target), places.report)
    if places.source.name in {partial_name(path).name for path in target_names}:
        raise PathTaken(str(places.source), "rename it; new files are built by that name")
    for path in (places.aside, log_of(places.aside), places.report):
        if path.exists():
            raise PathTaken(str(path), "move it away")


@contextmanager
def _picture_of(path: Path, *, is_shared: bool) -> Iterator[apsw.Connection]:
    """Open one picture of a database; unless it is shared, nobody else may have it open meanwhile.

    It is not written to, but a log that a killed server left beside it is folded into it at the end,
    as that server would do at its next start.

    Raises:
        DatabaseInUse: Somebody has.
        StoreBusy, StoreUnavailable: It cannot be read.
    """
    connection = open_unchanging(path) if is_shared else _opened_alone(path)
    try:
        begin = "BEGIN" if is_shared else "BEGIN EXCLUSIVE"
        try:
            connection.execute(begin).fetchall()
            connection.pragma("schema_version")
        except BUSY as exc:
            raise DatabaseInUse(
                f"another process has {path} open; stop the earlier server, then try again"
            ) from exc
        except apsw.Error as exc:
            raise refusal(exc) from exc
        yield connection
    finally:
        connection.close()


def _opened_alone(path: Path) -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error as exc:
        raise StoreUnavailable(f"{path} cannot be opened") from exc
    if connection.readonly("main"):
        connection.close()
        raise DatabaseInUse(
            f"{path} may not be written by this user, so that nobody can tell whether the earlier server"
            " still works on it; stop it and import a copy, or run this as the owner of the file"
        )
    connection.set_busy_timeout(_ALONE_WAIT_MS)
    connection.pragma("locking_mode", "exclusive")
    return connection


def _settle(*paths: Path) -> None:
    """Make each database one file, and bring it onto the disk."""
    for path in paths:
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.pragma("journal_mode", "delete")
            finally:
                connection.close()
        except apsw.Error as exc:
            raise refusal(exc) from exc
        sync_file(path)


def _put(places: Places, source: apsw.Connection, partial: Path, partial_log: Path) -> None:
    """Give the new files their names, the database last.

    A log of validations that is there without its database is what a killed import left; it is moved
    aside like the earlier database.
    """
    if places.is_same:
        _fold(source)
    log, aside_log = log_of(places.target), log_of(places.aside)
    exchange(
        [
            Exchange(partial=partial, target=places.target, aside=places.aside),
            Exchange(partial=partial_log, target=log, aside=aside_log),
        ]
    )
    # What was in it is part of the file it belonged to.
    for beside in side_files(places.aside):
        beside.unlink(missing_ok=True)


def _fold(source: apsw.Connection) -> None:
    """Fold the log beside the earlier database into it, so that it is one file."""
    try:
        source.execute("COMMIT").fetchall()
        if source.pragma("journal_mode") == "wal":
            source.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as exc:
        raise refusal(exc) from exc
