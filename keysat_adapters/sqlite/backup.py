"""Backups: a checked copy of the database and of its validation log, made beside a busy server."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import apsw
import msgspec

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.checksum import checksum_line, checksum_path
from keysat_adapters.sqlite.connection import open_unchanging
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.snapshot import (
    Progress,
    copy_database,
    no_progress,
    partial_for,
    publish,
    write_durably,
)
from keysat_core.errors import BackupUnsound, PathTaken, StoreUnavailable
from keysat_core.limits import STRUCTURE_PROBLEMS_MAX

Verify: TypeAlias = Callable[[Path], tuple[str, ...]]
"""Says what is wrong with a database file; nothing, if it is sound."""


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup under its final name. ``activity_path`` None: there was no validation log."""

    path: Path
    activity_path: Path | None
    size_bytes: int


def back_up(
    source: Path, final: Path, *, verify: Verify, progress: Progress = no_progress
) -> Backup:
    """Copy a database and its log, verify the copies, and only then give them their names.

    The main file is named last: where it is, the backup is whole. A failure leaves nothing.

    Raises:
        PathTaken: A file of that name exists; nothing is ever overwritten.
        BackupUnsound: What was copied is not in order.
        StoreBusy, StoreUnavailable: It could not be copied.
    """
    final_log, final_list = log_of(final), checksum_path(final)
    names = (final_list, final_log, final)
    for path in names:
        if path.exists():
            raise PathTaken(str(path))
    with ExitStack() as stack:
        listed, log, main = (stack.enter_context(partial_for(name)) for name in names)
        copy_database(source, main, progress)
        has_log = copy_log(log_of(source), log)
        problems = verify(main)
        if problems:
            raise BackupUnsound(str(source), problems)
        size_bytes = main.stat().st_size
        copied = [(log, final_log)] * has_log + [(main, final)]
        lines = [checksum_line(partial, name.name) for partial, name in copied]
        write_durably(listed, "".join(lines))
        _publish_all([(listed, final_list), *copied])
    return Backup(path=final, activity_path=final_log if has_log else None, size_bytes=size_bytes)


def _publish_all(files: Sequence[tuple[Path, Path]]) -> None:
    """Give all files their names in this order, or none."""
    with ExitStack() as undo:
        for partial, final in files:
            publish(partial, final)
            undo.callback(final.unlink)
        undo.pop_all()


def log_of(path: Path) -> Path:
    """Give the validation log's file beside a database file."""
    return Path(activity_path(path))


def copy_log(log: Path, partial: Path) -> bool:
    """Copy a validation log if there is one, and tell whether there was.

    Raises:
        BackupUnsound: It is damaged.
        StoreBusy, StoreUnavailable: It could not be copied.
    """
    if not log.exists():
        return False
    try:
        copy_database(log, partial)
        problems = _structure_problems(partial)
    except StoreUnavailable as exc:
        problems = (str(exc),)
    if problems:
        remedy = "it is only the log of validations: move it away and try again"
        raise BackupUnsound(str(log), (*problems, remedy))
    return True


def _structure_problems(path: Path) -> tuple[str, ...]:
    connection = open_unchanging(path)
    try:
        said = connection.execute(f"PRAGMA integrity_check({STRUCTURE_PROBLEMS_MAX})").fetchall()
    except apsw.Error as exc:
        raise refusal(exc) from exc
    finally:
        connection.close()
    return tuple(str(line) for (line,) in said if line != "ok")
