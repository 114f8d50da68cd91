"""Restoring: putting a checked copy of a backup where the server looks for its database.

Whatever stops it, the name of the database means either the old one, whole, or the new one, whole.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import msgspec

from keysat_adapters.sqlite.backup import Verify, copy_log, log_of
from keysat_adapters.sqlite.checksum import checksum_path, checksum_problems, listed_names
from keysat_adapters.sqlite.connection import open_unchanging
from keysat_adapters.sqlite.database_file import look_into
from keysat_adapters.sqlite.exchange import Exchange, exchange, forget_second_names
from keysat_adapters.sqlite.refusals import BUSY, refusal
from keysat_adapters.sqlite.snapshot import (
    Progress,
    copy_database,
    no_progress,
    partial_for,
    side_files,
)
from keysat_core.errors import (
    BackupUnsound,
    DatabaseInUse,
    MigrationRefused,
    PathTaken,
    StoreBusy,
    StoreUnavailable,
)

REPLACE_REMEDY: Final = "add --replace to move it aside"

_ALONE_WAIT_MS: Final = 500
"""Longest wait for another process to close: a command that is just ending."""

_SHARED_LOCK_START: Final = 0x4000_0002
_SHARED_LOCK_BYTES: Final = 510
"""Where every process that uses a database holds a lock. Source: SQLite, os.h, ``SHARED_FIRST``."""


_OPEN_LOCK_START: Final = 128
_OPEN_LOCK_BYTES: Final = 1
"""Where in ``-shm`` every process that has the log open holds a lock. Source: SQLite, os_unix.c,
``UNIX_SHM_DMS``."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was put in place, and where the files that were there are now.

    ``lost_log``: the validation log that was made with the backup and is not beside it.
    """

    path: Path
    has_activity: bool
    moved: list[Path]
    lost_log: Path | None = None


def restore(
    backup: Path,
    target: Path,
    aside: Path,
    *,
    is_replacing: bool,
    verify: Verify,
    progress: Progress = no_progress,
) -> Restored:
    """Put a copy of a backup in the place of ``target``, whose old files become ``aside``.

    Raises:
        PathTaken: ``target`` exists and is not to be replaced, or ``aside`` exists.
        BackupUnsound: The backup is not in order.
        DatabaseInUse: Another process has the target open.
        StoreBusy, StoreUnavailable: The backup cannot be read or its copy not written.
    """
    _refuse_taken(backup, target, aside, is_replacing=is_replacing)
    lost_log = _refuse_altered(backup)
    forget_second_names(target, log_of(target))
    with (
        _alone_with(target),
        partial_for(target) as partial,
        partial_for(log_of(target)) as partial_log,
    ):
        copy_database(backup, partial, progress)
        has_log = copy_log(log_of(backup), partial_log)
        with _unsound_if_unreadable(backup):
            problems = verify(partial)
        if problems:
            raise BackupUnsound(str(backup), problems)
        put_log = partial_log if has_log else None
        moved = exchange(
            [
                # It is put in place last: until it is exchanged, the old one is the one.
                Exchange(partial=partial, target=target, aside=aside),
                Exchange(partial=put_log, target=log_of(target), aside=log_of(aside)),
            ]
        )
    return Restored(path=target, has_activity=has_log, moved=moved, lost_log=lost_log)


def _refuse_taken(backup: Path, target: Path, aside: Path, *, is_replacing: bool) -> None:
    if not backup.exists():
        raise StoreUnavailable(f"{backup} does not exist")
    there = [path for path in (target, log_of(target), *side_files(target)) if path.exists()]
    if there and not is_replacing:
        raise PathTaken(str(there[0]), REPLACE_REMEDY)
    if target.exists() and target.samefile(backup):
        raise PathTaken(str(target), "it is the backup itself")
    for path in (aside, log_of(aside)):
        if path.exists():
            raise PathTaken(str(path), "try again")


def _refuse_altered(backup: Path) -> Path | None:
    """Refuse a backup that is no database of ours, or not what was written when it was made.

    Gives its validation log, if that is listed and not there: a shop can do without.
    """
    log = log_of(backup)
    with _unsound_if_unreadable(backup), look_into(backup):
        names = listed_names(backup)
        lost_log = log if log.name in names and not log.exists() else None
        problems = checksum_problems(backup, leaving_out=lost_log)
    if problems:
        remedy = (
            f"if you renamed or changed it yourself, remove {checksum_path(backup).name} and try"
            " again: all other checks are made all the same"
        )
        raise BackupUnsound(str(backup), (*problems, remedy))
    return lost_log


@contextmanager
def _unsound_if_unreadable(backup: Path) -> Iterator[None]:
    try:
        yield
    except (MigrationRefused, StoreUnavailable) as exc:
        raise BackupUnsound(str(backup), (str(exc),)) from exc


@contextmanager
def _alone_with(target: Path) -> Iterator[None]:
    """Hold a database so that nobody else can open it, consisting of its one file.

    Raises:
        DatabaseInUse: Somebody has it open.
    """
    if not target.exists():
        # Its name is gone, but a server may still be at work on the file and on the log beside it.
        if any(map(_is_log_open, (target, log_of(target)))):
            raise _in_use(target)
        yield
        return
    if _is_damaged(target):
        # It is why a backup is restored. SQLite would try to mend it; it is kept as it is instead.
        if _is_held(target, _SHARED_LOCK_START, _SHARED_LOCK_BYTES):
            raise _in_use(target)
        yield
        return
    connection = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        _take_over(connection, target)
        yield
    finally:
        connection.close()


def _take_over(connection: apsw.Connection, target: Path) -> None:
    connection.set_busy_timeout(_ALONE_WAIT_MS)
    try:
        # Only a process that is alone may leave WAL mode; its log is then part of the file.
        if connection.pragma("journal_mode", "delete") != "delete":
            raise _in_use(target)
        connection.execute("BEGIN EXCLUSIVE").fetchall()
    except BUSY as exc:
        raise _in_use(target) from exc
    except apsw.Error as exc:
        raise refusal(exc) from exc


def _is_damaged(target: Path) -> bool:
    """Tell whether SQLite can make nothing of a file."""
    try:
        connection = open_unchanging(target)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        finally:
            connection.close()
    except (*BUSY, StoreBusy) as exc:
        raise _in_use(target) from exc
    except (apsw.Error, StoreUnavailable):
        return True
    return False


def _is_log_open(target: Path) -> bool:
    """Tell whether another process has the log of a missing database open."""
    index = target.with_name(f"{target.name}-shm")
    return index.exists() and _is_held(index, _OPEN_LOCK_START, _OPEN_LOCK_BYTES)


def _is_held(path: Path, start: int, count: int) -> bool:
    """Tell whether another process holds a lock on bytes of a file.

    This process must have no connection to it: closing the file ends its own locks.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be opened: {exc.strerror}") from exc
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, count, start)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _in_use(target: Path) -> DatabaseInUse:
    return DatabaseInUse(
        f"another process has {target} open; stop the server and every other keysat command,"
        " then try again"
    )
