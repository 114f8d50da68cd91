"""The store: one writing connection behind one lock, and a reading connection for each thread.

A database in memory has a single connection, so there reading and writing exclude each other;
everything else is the same, snapshots and refusals included.
"""

import threading
import weakref
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final, Self

import apsw

from keysat_adapters.sqlite.connection import (
    BUSY_SECONDS,
    MEMORY,
    create_file,
    is_memory,
    open_reader,
    open_writer,
)
from keysat_adapters.sqlite.migrations import migrate as apply_migrations
from keysat_adapters.sqlite.migrations import refuse_stranger, refuse_unless_current
from keysat_adapters.sqlite.transaction import SQLiteTransaction
from keysat_adapters.sqlite.turn import Mine, Turn, View
from keysat_core.errors import StoreBusy, StoreUnavailable

_READ: Final = "BEGIN"
_WRITE: Final = "BEGIN IMMEDIATE"
_READ_IN_MEMORY: Final = "PRAGMA query_only = 1; BEGIN"
_WRITE_IN_MEMORY: Final = "PRAGMA query_only = 0; BEGIN IMMEDIATE"


class SQLiteStore:
    """Implements ``ports.store.Store``. Make one with ``open``; threads share it, forks do not."""

    def __init__(self, path: Path | str, writer: apsw.Connection) -> None:
        self.path = path
        self._writer = View(writer)
        self._write_lock = threading.Lock()
        self._mine = Mine()
        self._readers: weakref.WeakSet[View] = weakref.WeakSet()
        self._readers_lock = threading.Lock()
        self._is_memory = is_memory(path)
        self._is_closed = False

    @classmethod
    def open(cls, path: Path | str = MEMORY, *, migrate: bool = True) -> Self:
        """Open a database; with ``migrate`` make it if need be and bring its schema up to date.

        Raises:
            MigrationRefused: It is not ours, or does not fit this program, or must be migrated.
            StoreBusy, StoreUnavailable.
        """
        if not is_memory(path):
            path = Path(path)
            if migrate:
                create_file(path)
            refuse_stranger(path)
        writer = open_writer(path)
        try:
            if migrate:
                apply_migrations(writer)
            else:
                refuse_unless_current(writer)
        except BaseException:
            writer.close()
            raise
        return cls(path, writer)

    def reading(self) -> AbstractContextManager[SQLiteTransaction]:
        """Open a snapshot, taken at its first read; see ``ports.store.Store``."""
        if self._is_memory:
            return Turn(self._writer, self._mine, _READ_IN_MEMORY, self._write_lock)
        return Turn(self._mine.reader or self._new_reader(), self._mine, _READ, None)

    def writing(self) -> AbstractContextManager[SQLiteTransaction]:
        """Open an immediate write transaction; see ``ports.store.Store``."""
        begin = _WRITE_IN_MEMORY if self._is_memory else _WRITE
        return Turn(self._writer, self._mine, begin, self._write_lock)

    def close(self) -> None:
        """Close every connection. A write under way is waited for; reads under way fail.

        Raises:
            StoreBusy: A write does not end.
        """
        if not self._write_lock.acquire(timeout=BUSY_SECONDS):
            raise StoreBusy
        try:
            with self._readers_lock:
                self._is_closed = True
                readers = list(self._readers)
            for reader in readers:
                # A reader that is just now running a statement closes with its thread.
                with suppress(apsw.ThreadingViolationError):
                    reader.session.connection.close()
            # Last, so that it writes the log back into the file.
            self._writer.session.connection.close()
        finally:
            self._write_lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _new_reader(self) -> View:
        with self._readers_lock:
            if self._is_closed:
                raise StoreUnavailable("it was closed")
            reader = View(open_reader(self.path))
            self._readers.add(reader)
        self._mine.reader = reader
        return reader
