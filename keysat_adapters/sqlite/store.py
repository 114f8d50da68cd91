"""The store: one writing connection behind one lock, and a reading connection for each thread.

A database in memory has a single connection, so there reading and writing exclude each other;
everything else is the same, snapshots and refusals included.
"""

import threading
import weakref
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

import apsw

from keysat_adapters.sqlite.connection import (
    BUSY_SECONDS,
    MEMORY,
    create_file,
    identity_of,
    is_memory,
    open_reader,
    open_writer,
)
from keysat_adapters.sqlite.emptied import refuse_emptied, refuse_empty
from keysat_adapters.sqlite.ledger import refuse_stranger
from keysat_adapters.sqlite.memory_schema import fill_memory
from keysat_adapters.sqlite.migrations import migrate as apply_migrations
from keysat_adapters.sqlite.migrations import refuse_unless_current
from keysat_adapters.sqlite.transaction import SQLiteTransaction
from keysat_adapters.sqlite.turn import BusyCount, Mine, Turn, View
from keysat_core.errors import StoreBusy, StoreUnavailable


class SQLiteStore:
    """Implements ``ports.store.Store``. Make one with ``open``; threads share it, forks do not."""

    def __init__(
        self, path: Path | str, writer: apsw.Connection, *, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._writer = View(writer)
        self._write_lock = threading.Lock()
        self._mine = Mine()
        self._busy = BusyCount()
        self._readers: weakref.WeakSet[View] = weakref.WeakSet()
        self._readers_lock = threading.Lock()
        self._is_memory = is_memory(path)
        self._identity = None if self._is_memory else identity_of(path)
        self._is_closed = False

    @classmethod
    def open(
        cls, path: Path | str = MEMORY, *, migrate: bool = True, busy_seconds: float = BUSY_SECONDS
    ) -> Self:
        """Open a database; with ``migrate`` make it if need be and bring its schema up to date.

        ``busy_seconds`` is the longest wait for another thread, and for another process.

        Raises:
            MigrationRefused: It is not ours, or does not fit this program, or must be migrated.
            StoreBusy, StoreUnavailable.
        """
        if not is_memory(path):
            path = Path(path)
            if migrate:
                refuse_emptied(path)
                create_file(path)
                refuse_stranger(path)
            else:
                refuse_empty(path)
        writer = open_writer(path, busy_seconds=busy_seconds)
        try:
            if migrate and is_memory(path):
                fill_memory(writer)
            elif migrate:
                apply_migrations(writer)
            else:
                refuse_unless_current(writer)
        except BaseException:
            writer.close()
            raise
        return cls(path, writer, busy_seconds=busy_seconds)

    @property
    def busy_count(self) -> int:
        """How many transactions were given up because the database stayed locked."""
        return self._busy.count

    @property
    def has_changed(self) -> bool:
        """Tell whether anything was written through this store."""
        return self._writer.session.connection.total_changes() > 0

    def reading(self) -> AbstractContextManager[SQLiteTransaction]:
        """Open a snapshot, taken at its first read; see ``ports.store.Store``."""
        if self._is_memory:
            return self._in_turn(may_write=False)
        reader = self._mine.reader or self._new_reader()
        return Turn(reader, self._mine, busy=self._busy, may_write=False)

    def writing(self) -> AbstractContextManager[SQLiteTransaction]:
        """Open an immediate write transaction; see ``ports.store.Store``."""
        if not self._is_memory and identity_of(self.path) != self._identity:
            raise StoreUnavailable(f"{self.path} was moved or deleted; stop, put it back, start")
        return self._in_turn(may_write=True)

    def close(self) -> None:
        """Close every connection. A write under way is waited for; reads under way fail.

        Raises:
            StoreBusy: A write does not end.
        """
        if not self._write_lock.acquire(timeout=self._busy_seconds):
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

    def _in_turn(self, *, may_write: bool) -> Turn:
        lock = self._write_lock
        return Turn(
            self._writer,
            self._mine,
            lock,
            self._busy_seconds,
            busy=self._busy,
            may_write=may_write,
        )

    def _new_reader(self) -> View:
        with self._readers_lock:
            if self._is_closed:
                raise StoreUnavailable("it was closed")
            reader = View(open_reader(self.path, busy_seconds=self._busy_seconds))
            self._readers.add(reader)
        self._mine.reader = reader
        return reader
