"""The validation log: queued in memory, written in groups to the activity file.

The oldest entries may be lost while the disk fails; a validation never waits and never fails.
"""

import threading
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Final

import apsw
import msgspec

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.session import Row, storable
from keysat_adapters.sqlite.table import Table
from keysat_adapters.sqlite.validation_days import add_counts, forget_days_after, list_counts
from keysat_core.domain.activity import ValidationCount, ValidationEntry
from keysat_core.domain.instant import Instant
from keysat_core.errors import StoreBusy, StoreUnavailable

QUEUE_MAX: Final = 20_000
"""Entries held in memory: a second of the fastest server, and about 10 MB."""

FLUSH_ENTRIES: Final = 2_048
"""Queued entries that wake the writer before its time: a tenth of the queue."""

GROUPS: Final = (256, 32, 4, 1)
"""Rows per statement. Each statement costs its thread one wait for the interpreter's lock."""

VALIDATIONS: Final = Table("validations", ValidationEntry.__struct_fields__)
_APPEND: Final = {size: VALIDATIONS.insert(rows=size) for size in GROUPS}
_NEWEST: Final = VALIDATIONS.select("ORDER BY id DESC LIMIT ?")
# No index on the time: ids grow with it, so only the oldest rows need to be looked at.
# Those ahead of the clock were noted while it was wrong, and would hide the ones behind them.
_PURGE: Final = (
    "DELETE FROM validations WHERE (occurred_at < ? OR occurred_at > ?)"
    " AND id IN (SELECT id FROM validations ORDER BY id LIMIT ?)"
)


def _nobody() -> None:
    """Wake no one: whoever flushes does so by the clock."""


class SQLiteValidationLog:
    """Implements ``ports.activity.ValidationLog``; threads share it.

    ``dropped_count`` counts entries that were never written; ``problem`` says what was wrong with
    the last flush, None if nothing. ``wake`` is called when there are enough for a group.
    """

    def __init__(
        self,
        file: ActivityFile,
        *,
        queue_max: int = QUEUE_MAX,
        wake: Callable[[], None] = _nobody,
    ) -> None:
        self.dropped_count = 0
        self.problem: str | None = None
        self._file = file
        self._wake = wake
        self._queue: deque[ValidationEntry] = deque(maxlen=queue_max)
        self._queue_max = queue_max
        self._lock = threading.Lock()
        self._flush_lock = threading.Lock()
        self._is_closed = False

    @property
    def queued_count(self) -> int:
        """How many entries wait to be written."""
        return len(self._queue)

    def note(self, entry: ValidationEntry) -> None:
        """Queue one entry; a full queue loses its oldest."""
        with self._lock:
            if self._is_closed:
                self.dropped_count += 1
                return
            count = len(self._queue)
            if count == self._queue_max:
                self.dropped_count += 1
            self._queue.append(entry)
        if count == FLUSH_ENTRIES:
            self._wake()

    def flush(self) -> int:
        """Write what is queued; if the disk fails it stays queued, and 0 is given."""
        with self._flush_lock:
            with self._lock:
                entries, self._queue = self._queue, deque(maxlen=self._queue_max)
            if not entries:
                return 0
            is_written = False
            try:
                with self._file.changing() as connection:
                    append_entries(connection, list(entries))
                is_written = True
            except (StoreBusy, StoreUnavailable) as exc:
                self.problem = str(exc)
                return 0
            finally:
                if not is_written:
                    self._put_back(entries)
            self.problem = None
            return len(entries)

    def close(self) -> None:
        """Write what is queued, then take no more. Closing again does nothing."""
        with self._lock:
            self._is_closed = True
        self.flush()
        with self._lock:
            self.dropped_count += len(self._queue)
            self._queue.clear()

    def list_entries(self, limit: int) -> list[ValidationEntry]:
        """Give entries that were written, newest first.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        return VALIDATIONS.values(_entry, self._file.rows(_NEWEST, (max(0, limit),)))

    def daily_counts(self, first_day: int, end_day: int) -> list[ValidationCount]:
        """Count by day and result what was written.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        return list_counts(self._file, first_day, end_day)

    def purge(self, before: Instant, limit: int, *, ahead: Instant) -> int:
        """Remove entries before an instant, or after another, among the ``limit`` first noted.

        Give how many went.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        with self._file.changing() as connection:
            connection.execute(_PURGE, (before, ahead, max(0, limit))).fetchall()
            purged = connection.changes()
            forget_days_after(connection, ahead)
            return purged

    def _put_back(self, entries: deque[ValidationEntry]) -> None:
        """Queue entries again before those noted meanwhile, as many of the newest as there is room."""
        with self._lock:
            together = [*entries, *self._queue]
            self._queue.clear()
            self._queue.extend(together)
            self.dropped_count += max(0, len(together) - self._queue_max)


def append_entries(connection: apsw.Connection, entries: list[ValidationEntry]) -> None:
    """Write entries inside the open change, with the counts of their days."""
    at = 0
    for size in GROUPS:
        while len(entries) - at >= size:
            _append_group(connection, size, entries[at : at + size])
            at += size
    add_counts(connection, entries)


def _append_group(connection: apsw.Connection, size: int, group: list[ValidationEntry]) -> None:
    # The columns of the table are the fields of an entry, in their order.
    values = list(chain.from_iterable(map(msgspec.structs.astuple, group)))
    try:
        connection.execute(_APPEND[size], values).fetchall()
    except UnicodeEncodeError:
        # One odd entry must not hold up all others.
        cleaned = [storable(each) if isinstance(each, str) else each for each in values]
        connection.execute(_APPEND[size], cleaned).fetchall()


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
