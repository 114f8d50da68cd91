"""Copying a database file that others are writing to, so that the copy is whole or is not there.

A copy grows under a name of its own (``.keysat-partial``), is made to consist of one file, and takes its
final name only when everything in it is on the disk. Whether it is any good is asked elsewhere.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

import apsw

from keysat_adapters.sqlite.connection import open_unchanging
from keysat_adapters.sqlite.refusals import refusal
from keysat_core.errors import PathTaken, StoreUnavailable

PAGES_PER_STEP: Final = 500
"""2 MB at a time: few enough that no step is felt, enough to copy fast (PERFORMANCE, backups)."""

PARTIAL: Final = ".keysat-partial"
"""Nobody else's: browsers and copying programs leave files named ``.partial``."""

SIDE_FILES: Final = ("-wal", "-shm", "-journal")
"""What SQLite may leave beside a database: an unfinished log is part of it."""

_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

Progress: TypeAlias = Callable[[int, int], None]
"""Told now and then how many of how many parts are done."""


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""
    del done, total


@contextmanager
def partial_for(final: Path) -> Iterator[Path]:
    """Give the empty file in which ``final`` is to grow; it is gone at the end, whatever happens.

    What a killed process left there is replaced. Two processes never write to one.

    Raises:
        PathTaken: Another process is writing it.
        StoreUnavailable: It cannot be made.
    """
    partial = partial_name(final)
    held = _hold(partial)
    try:
        _remove_side_files(partial)
        yield partial
    finally:
        partial.unlink(missing_ok=True)
        _remove_side_files(partial)
        # Last: closing any handle of a file ends SQLite's locks on it, and with it ours.
        os.close(held)


def partial_name(final: Path) -> Path:
    """Give the name of the file in which ``final`` grows."""
    return final.with_name(final.name + PARTIAL)


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left of copies in a folder, the second names of whole ones too.

    This process must have no connection to any of them: closing a file ends its locks on it.
    """
    for partial in folder.glob(f"*{PARTIAL}"):
        # What cannot be removed is in nobody's way.
        with suppress(OSError):
            _remove_unless_held(partial)


def copy_database(source: Path, target: Path, progress: Progress = no_progress) -> None:
    """Copy a database as it is at this moment into an empty file, and onto the disk.

    Writers go on meanwhile; what they commit is not in the copy. The source is not changed.

    Raises:
        StoreBusy, StoreUnavailable: The copy is worthless.
    """
    reader = open_unchanging(source)
    try:
        # One snapshot for all steps: without it every commit elsewhere would begin the copy anew.
        reader.execute("BEGIN").fetchall()
        reader.pragma("schema_version")
        _copy(reader, target, progress)
    except apsw.Error as exc:
        failure = refusal(exc)
        if isinstance(failure, StoreUnavailable):
            problem = f"copying {source} to {target} failed: {failure.problem}"
            raise StoreUnavailable(problem) from exc
        raise failure from exc
    finally:
        reader.close()
    sync_file(target)


def publish(partial: Path, final: Path) -> None:
    """Give a finished copy its name, durably; an existing file is never replaced.

    Raises:
        PathTaken: There is one.
        StoreUnavailable: It cannot be named.
    """
    try:
        try:
            os.link(partial, final)
        except OSError as exc:
            if exc.errno not in _NO_LINKS or final.exists():
                raise
            # Some file systems have no second names, those of memory sticks for one.
            partial.rename(final)
        sync_folder(final.parent)
    except FileExistsError as exc:
        raise PathTaken(str(final)) from exc
    except OSError as exc:
        raise StoreUnavailable(f"{final} cannot be written: {exc.strerror}") from exc


def write_durably(path: Path, text: str) -> None:
    """Fill an empty file, and bring it onto the disk.

    Raises:
        StoreUnavailable: It cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be written: {exc.strerror}") from exc
    sync_file(path)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder onto the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def side_files(path: Path) -> list[Path]:
    """Give the names SQLite may use beside a database."""
    return [path.with_name(path.name + suffix) for suffix in SIDE_FILES]


def _copy(reader: apsw.Connection, target: Path, progress: Progress) -> None:
    writer = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        # It is brought onto the disk once, as a whole; until then nobody relies on it.
        writer.pragma("synchronous", "off")
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(PAGES_PER_STEP)
                progress(backup.page_count - backup.remaining, backup.page_count)
        # The header came with the pages and asks for a log of its own.
        writer.pragma("journal_mode", "delete")
    finally:
        writer.close()


def _hold(partial: Path) -> int:
    """Make the file and lock it; it is new, so that nobody else owns what is written to it."""
    try:
        partial.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            with suppress(FileExistsError):
                handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
                if _is_locked_by(handle, partial):
                    return handle
                continue
            _remove_unless_held(partial)
    except BlockingIOError as exc:
        raise PathTaken(str(partial), "another process is writing it") from exc
    except OSError as exc:
        raise StoreUnavailable(f"{partial} cannot be written: {exc.strerror}") from exc


def _remove_unless_held(partial: Path) -> None:
    """Remove an abandoned file; raises ``BlockingIOError`` if it is not."""
    with suppress(FileNotFoundError):
        handle = os.open(partial, os.O_RDWR | os.O_NOFOLLOW)
        if _is_locked_by(handle, partial):
            try:
                partial.unlink()
                _remove_side_files(partial)
            finally:
                os.close(handle)


def _is_locked_by(handle: int, path: Path) -> bool:
    """Lock an open file, unless its name means another by now; then, or on failure, close it."""
    is_kept = False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_kept = _is_still(handle, path)
    finally:
        if not is_kept:
            os.close(handle)
    return is_kept


def _is_still(handle: int, path: Path) -> bool:
    """Tell whether a name still means the file that was opened by it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _remove_side_files(path: Path) -> None:
    for beside in side_files(path):
        beside.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Bring a file onto the disk.

    Raises:
        StoreUnavailable: It cannot be written.
    """
    try:
        handle = os.open(path, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be written: {exc.strerror}") from exc
