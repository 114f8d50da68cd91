"""Opening SQLite connections: files, modes, pragmas. What is stored is not known here.

The settings of ``apsw.bestpractice`` are applied to each connection by name; its library-wide
hooks are left alone, because they would reach into programs that embed these packages.
"""

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import apsw
import apsw.bestpractice

from keysat_adapters.sqlite.refusals import BUSY, refusal
from keysat_core.errors import KeysatError, StoreBusy, StoreUnavailable

MEMORY: Final = ":memory:"
"""The path that means a database of this process, gone when it is closed."""

BUSY_SECONDS: Final = 5.0
"""Longest wait for another thread or process: half of what published clients wait (public-api 0)."""

STATEMENTS_MAX: Final = 200
"""Prepared statements kept per connection: all of the store's, with the commoner list filters."""

_POLL_SECONDS: Final = 0.02

_LOG_REFUSED: Final = (apsw.ReadOnlyError, apsw.CantOpenError)
"""What SQLite says, without a name, when it may not make the write-ahead log beside the file."""


def is_memory(path: Path | str) -> bool:
    """Tell whether a path means a database in memory."""
    return str(path) == MEMORY


def identity_of(path: Path | str) -> tuple[int, int] | None:
    """Tell one file from another of the same name; None when there is none.

    A deleted file that is still open takes writes that nobody will ever read.
    """
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_file_there(path: Path) -> bool:
    """Tell whether there is a file, of which nothing else is known.

    Raises:
        StoreUnavailable: It cannot be looked for, or is a folder.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be looked at: {exc.strerror}") from exc
    if stat.S_ISDIR(found.st_mode):
        raise StoreUnavailable(f"{path} is a folder, not a file")
    return True


def create_file(path: Path) -> None:
    """Make an empty database file with its folder, readable by its owner alone.

    It will hold the signing key. SQLite gives its ``-wal`` and ``-shm`` files the same mode. An
    existing file keeps its own.

    Raises:
        StoreUnavailable: It cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be created: {exc.strerror}") from exc


def open_writer(
    path: Path | str, *, synchronous: str = "FULL", busy_seconds: float = BUSY_SECONDS
) -> apsw.Connection:
    """Open a connection that may write, in WAL mode. The file must exist.

    Raises:
        StoreBusy: Another process kept it locked.
        StoreUnavailable: It cannot be opened, is read-only, has a second name or is no database.
    """
    _refuse_second_name(path)
    connection = _opened(path, apsw.SQLITE_OPEN_READWRITE, busy_seconds)
    try:
        _refuse_read_only(connection, path)
        if not is_memory(path):
            _switch_to_wal(connection, busy_seconds)
        connection.pragma("synchronous", synchronous)
    except apsw.Error as exc:
        connection.close()
        raise refusal(exc) from exc
    except KeysatError:
        connection.close()
        raise
    return connection


def open_reader(path: Path | str, *, busy_seconds: float = BUSY_SECONDS) -> apsw.Connection:
    """Open a connection whose every write is refused. The file must exist and may be read-only.

    Raises:
        StoreUnavailable: It cannot be opened or is no database.
    """
    connection = _opened(path, apsw.SQLITE_OPEN_READWRITE, busy_seconds)
    connection.pragma("query_only", 1)
    return connection


def open_unchanging(path: Path) -> apsw.Connection:
    """Open a connection that leaves the file, and what a crash left beside it, as they are.

    Raises:
        StoreUnavailable: It cannot be opened or is no database.
    """
    if not is_file_there(path):
        raise StoreUnavailable(f"{path} does not exist")
    beside = (path.with_name(f"{path.name}-{part}") for part in ("wal", "journal"))
    if any(is_file_there(each) for each in beside):
        # A connection that could write would move what is in there into the file.
        return _opened(path, apsw.SQLITE_OPEN_READONLY, BUSY_SECONDS)
    if not _may_write(path):
        # Nobody works on it, or there were a log. SQLite would make one with the file's mode, in
        # which nobody, the server included, could ever write.
        uri = f"{path.absolute().as_uri()}?immutable=1"
        return _opened(path, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI, BUSY_SECONDS, uri)
    # One that could not would leave an empty log behind, because only writers clean up.
    return open_reader(path)


def _opened(
    path: Path | str, flags: int, busy_seconds: float, uri: str | None = None
) -> apsw.Connection:
    if is_memory(path):
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_MEMORY
    try:
        connection = apsw.Connection(
            uri or str(path), flags=flags, statementcachesize=STATEMENTS_MAX
        )
    except apsw.Error as exc:
        problem = "does not exist" if not is_file_there(Path(path)) else "cannot be opened"
        raise StoreUnavailable(f"{path} {problem}") from exc
    try:
        connection.set_busy_timeout(int(busy_seconds * 1000))
        apsw.bestpractice.connection_enable_foreign_keys(connection)
        apsw.bestpractice.connection_recursive_triggers(connection)
        apsw.bestpractice.connection_dqs(connection)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        # Plans never depend on what is bound. Otherwise SQLite prepares a statement anew for every
        # value it compares with a partial index: ten times the cost of reading a license's facts.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        # The first thing to touch the file, so that what is no database fails here.
        connection.pragma("schema_version")
    except apsw.Error as exc:
        connection.close()
        folder = Path(path).parent
        if isinstance(exc, _LOG_REFUSED) and not _may_write(folder):
            raise StoreUnavailable(f"{folder} is read-only, and its log lies there too") from exc
        raise refusal(exc) from exc
    return connection


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _refuse_second_name(path: Path | str) -> None:
    """Refuse a file with two names: each has its own log, so that by one the other is damaged.

    Source: sqlite.org, How To Corrupt An SQLite Database File, 2.5.
    """
    if is_memory(path):
        return
    try:
        has_other = Path(path).stat().st_nlink > 1
    except OSError:
        # Whoever opens it says better what is wrong.
        return
    if has_other:
        stem = Path(path).stem
        raise StoreUnavailable(
            f"{path} has a second name, and using both would damage it. A restore that was killed"
            f" leaves one, {stem}-replaced-*.db or {Path(path).name}.keysat-partial: run the"
            " restore again, or delete the second name, which deletes nothing else"
        )


def _refuse_read_only(connection: apsw.Connection, path: Path | str) -> None:
    """Refuse a file SQLite has opened for reading alone, which it does without a word."""
    if connection.readonly("main"):
        raise StoreUnavailable(f"{path} is read-only")


def _switch_to_wal(connection: apsw.Connection, busy_seconds: float) -> None:
    """Set WAL mode, which SQLite may refuse at once while another process does the same."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            mode = connection.pragma("journal_mode", "wal")
        except BUSY as exc:
            if time.monotonic() >= deadline:
                raise StoreBusy from exc
            time.sleep(_POLL_SECONDS)
        else:
            if mode != "wal":
                raise StoreUnavailable("its file system does not support write-ahead logging")
            return
