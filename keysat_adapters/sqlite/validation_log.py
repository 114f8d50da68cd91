"""The validation log: queued in memory, written in groups to an SQLite file of its own.

It has its own file because every commit to the main one would empty the caches of the other
processes and make a backup begin again (PERFORMANCE, design 6). The last moments may be lost on a
power cut, and the oldest entries while the disk fails; a validation never waits and never fails.
"""

import threading
from collections import deque
from pathlib import Path
from typing import Final

import apsw

from keysat_adapters.sqlite.connection import MEMORY, create_file, is_memory, open_writer
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.session import Row
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.activity import ValidationEntry
from keysat_core.domain.instant import Instant
from keysat_core.errors import KeysatError, StoreUnavailable

QUEUE_MAX: Final = 20_000
"""Entries held in memory: several seconds of the fastest server, and about 10 MB."""

WAL_PAGES: Final = 4_000
"""Pages written before a checkpoint, 16 MB: fewer checkpoints of a file that only grows."""

APPLICATION_ID: Final = 0x4B455956
"""``KEYV`` in the header of the log's file."""

VALIDATIONS: Final = Table(
    "validations",
    (
        "result",
        "license_id",
        "product_id",
        "machine_id",
        "fingerprint_hash",
        "client_ip",
        "user_agent",
        "detail",
        "occurred_at",
    ),
)
_APPEND: Final = VALIDATIONS.insert()
_NEWEST: Final = VALIDATIONS.select("ORDER BY id DESC LIMIT ?")
# No index on the time: ids grow with it, so only the oldest rows need to be looked at.
_PURGE: Final = (
    "DELETE FROM validations WHERE occurred_at < ?"
    " AND id IN (SELECT id FROM validations ORDER BY id LIMIT ?)"
)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS validations (
    id INTEGER PRIMARY KEY,
    result TEXT NOT NULL,
    license_id TEXT,
    product_id TEXT,
    machine_id TEXT,
    fingerprint_hash TEXT,
    client_ip TEXT,
    user_agent TEXT,
    detail TEXT,
    occurred_at INTEGER NOT NULL
) STRICT
"""


def activity_path(path: Path | str) -> Path | str:
    """Give the log's file beside a main database: ``keysat.db`` has ``keysat-activity.db``."""
    if is_memory(path):
        return MEMORY
    main = Path(path)
    return main.with_name(f"{main.stem}-activity.db")


class SQLiteValidationLog:
    """Implements ``ports.activity.ValidationLog``; threads share it.

    ``dropped_count`` counts entries that were never written; ``problem`` says what was wrong with
    the last flush, None if nothing.
    """

    def __init__(self, path: Path | str = MEMORY, *, queue_max: int = QUEUE_MAX) -> None:
        self.path = path
        self.dropped_count = 0
        self.problem: str | None = None
        self._queue: deque[ValidationEntry] = deque(maxlen=queue_max)
        self._queue_lock = threading.Lock()
        self._is_closed = False
        self._connection: apsw.Connection | None = None
        self._connection_lock = threading.Lock()

    @property
    def queued_count(self) -> int:
        """How many entries wait to be written."""
        return len(self._queue)

    def note(self, entry: ValidationEntry) -> None:
        """Queue one entry; a full queue loses its oldest."""
        with self._queue_lock:
            if self._is_closed:
                self.dropped_count += 1
                return
            if len(self._queue) == self._queue.maxlen:
                self.dropped_count += 1
            self._queue.append(entry)

    def flush(self) -> int:
        """Write what is queued; if the disk fails it stays queued, and 0 is given."""
        with self._connection_lock:
            with self._queue_lock:
                entries = list(self._queue)
                self._queue.clear()
            if not entries:
                return 0
            try:
                self._write(entries)
            except (apsw.Error, KeysatError) as exc:
                self._disconnect()
                self._put_back(entries)
                self.problem = str(exc)
                return 0
            self.problem = None
            return len(entries)

    def close(self) -> None:
        """Write what is queued, then take no more. Closing again does nothing."""
        with self._queue_lock:
            self._is_closed = True
        self.flush()
        with self._connection_lock:
            self._disconnect()
            with self._queue_lock:
                self.dropped_count += len(self._queue)
                self._queue.clear()

    def list_entries(self, limit: int) -> list[ValidationEntry]:
        """Give entries that were written, newest first.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        with self._connection_lock:
            try:
                rows = self._connected().execute(_NEWEST, (max(0, limit),)).fetchall()
            except apsw.Error as exc:
                raise refusal(exc) from exc
        return VALIDATIONS.values(_entry, rows)

    def purge(self, before: Instant, limit: int) -> int:
        """Remove entries before an instant among the ``limit`` oldest; give how many went.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        with self._connection_lock:
            try:
                connection = self._connected()
                connection.execute(_PURGE, (before, max(0, limit))).fetchall()
                return connection.changes()
            except apsw.Error as exc:
                raise refusal(exc) from exc

    def _write(self, entries: list[ValidationEntry]) -> None:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE").fetchall()
        try:
            connection.executemany(_APPEND, map(_values, entries)).fetchall()
            connection.execute("COMMIT").fetchall()
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK").fetchall()

    def _put_back(self, entries: list[ValidationEntry]) -> None:
        """Queue entries again before those noted meanwhile, as many of the newest as there is room."""
        with self._queue_lock:
            together = [*entries, *self._queue]
            self._queue.clear()
            self._queue.extend(together)
            self.dropped_count += max(0, len(together) - (self._queue.maxlen or 0))

    def _connected(self) -> apsw.Connection:
        if self._connection is None:
            if not is_memory(self.path):
                create_file(Path(self.path))
            connection = open_writer(self.path, synchronous="NORMAL")
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None and not is_memory(self.path):
            self._connection.close()
            self._connection = None


def _prepare(connection: apsw.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE").fetchall()
    try:
        has_tables = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        if has_tables and connection.pragma("application_id") != APPLICATION_ID:
            raise StoreUnavailable("the validation log's file belongs to another program; move it")
        connection.pragma("application_id", APPLICATION_ID)
        connection.execute(_SCHEMA).fetchall()
        connection.execute("COMMIT").fetchall()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK").fetchall()
    connection.wal_autocheckpoint(WAL_PAGES)


def _values(entry: ValidationEntry) -> tuple[str | int | None, ...]:
    return (
        _storable(entry.result),
        _storable(entry.license_id),
        _storable(entry.product_id),
        _storable(entry.machine_id),
        _storable(entry.fingerprint_hash),
        _storable(entry.client_ip),
        _storable(entry.user_agent),
        _storable(entry.detail),
        entry.occurred_at,
    )


def _storable(text: str | None) -> str | None:
    """Replace halves of surrogate pairs, so that one odd entry cannot hold up all others."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _entry(row: Row) -> ValidationEntry:
    return ValidationEntry(
        result=row[0],
        license_id=row[1],
        product_id=row[2],
        machine_id=row[3],
        fingerprint_hash=row[4],
        client_ip=row[5],
        user_agent=row[6],
        detail=row[7],
        occurred_at=row[8],
    )
