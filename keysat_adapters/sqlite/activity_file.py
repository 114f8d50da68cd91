"""The file for what the sold software does: its place, its tables, one connection for all threads.

It is a file of its own because every commit to the main one empties the caches of all processes and
makes a backup begin again (PERFORMANCE, design 6). The last moments may be lost on a power cut.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from keysat_adapters.sqlite.connection import (
    MEMORY,
    create_file,
    identity_of,
    is_memory,
    open_writer,
)
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.session import Row, Values
from keysat_core.errors import KeysatError, StoreUnavailable

WAL_PAGES: Final = 4_000
"""Pages written before a checkpoint, 16 MB: fewer checkpoints of a file that only grows."""

APPLICATION_ID: Final = 0x4B455956
"""``KEYV`` in the header of the file."""

_SCHEMA: Final = (
    """
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
    """,
    """
    CREATE TABLE IF NOT EXISTS heartbeats (
        machine_id TEXT NOT NULL PRIMARY KEY,
        seen_at INTEGER NOT NULL,
        ip TEXT
    ) STRICT, WITHOUT ROWID
    """,
)

DAYS_THERE: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'validation_days'"
# How many validations of each day (UTC, since 1970) ended how; it stays when the rows are purged.
_DAYS: Final = """
    CREATE TABLE validation_days (
        day INTEGER NOT NULL,
        result TEXT NOT NULL,
        row_count INTEGER NOT NULL,
        PRIMARY KEY (day, result)
    ) STRICT, WITHOUT ROWID
"""
_COUNT_DAYS: Final = (
    "INSERT INTO validation_days"
    " SELECT occurred_at / 86400, result, count(*) FROM validations GROUP BY 1, 2"
)


def activity_path(path: Path | str) -> Path | str:
    """Give the file beside a main database: ``keysat.db`` has ``keysat-activity.db``."""
    if is_memory(path):
        return MEMORY
    main = Path(path)
    return main.with_name(f"{main.stem}-activity.db")


class ActivityFile:
    """Opened when it is first used, and again after a failure. Threads share it."""

    def __init__(self, path: Path | str = MEMORY) -> None:
        self.path = path
        self._connection: apsw.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._lock = threading.Lock()

    @contextmanager
    def changing(self) -> Iterator[apsw.Connection]:
        """Open one change of the file, made whole or not at all.

        Raises:
            StoreBusy, StoreUnavailable: also from what is done inside.
        """
        with self._lock:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE").fetchall()
                try:
                    yield connection
                    connection.execute("COMMIT").fetchall()
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK").fetchall()
            except apsw.Error as exc:
                self._disconnect()
                raise refusal(exc) from exc
            except KeysatError:
                self._disconnect()
                raise

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """Give the rows of a query.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        with self._lock:
            try:
                return self._connected().execute(sql, values).fetchall()
            except apsw.Error as exc:
                raise refusal(exc) from exc

    def close(self) -> None:
        """Close the file; using it again opens it again."""
        with self._lock:
            self._disconnect()

    def _connected(self) -> apsw.Connection:
        if self._connection is not None and self._identity != identity_of(self.path):
            # It was moved or deleted; what is written there nobody would ever read.
            self._disconnect()
        if self._connection is None:
            if not is_memory(self.path):
                create_file(Path(self.path))
            # Groups reach the disk when they are written, not at some later checkpoint.
            connection = open_writer(self.path, synchronous="FULL")
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._identity = identity_of(self.path)
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
            raise StoreUnavailable("the activity file belongs to another program; move it")
        connection.pragma("application_id", APPLICATION_ID)
        for statement in _SCHEMA:
            connection.execute(statement).fetchall()
        if not connection.execute(DAYS_THERE).fetchall():
            # A file of an earlier release is counted once: some seconds for ten million rows.
            connection.execute(_DAYS).fetchall()
            connection.execute(_COUNT_DAYS).fetchall()
        connection.execute("COMMIT").fetchall()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK").fetchall()
    connection.wal_autocheckpoint(WAL_PAGES)
