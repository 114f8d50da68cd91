"""One transaction from its first statement to its last."""

import threading
from time import monotonic
from types import TracebackType

import apsw

from keysat_adapters.sqlite.session import Session
from keysat_adapters.sqlite.transaction import SQLiteTransaction
from keysat_core.errors import StoreBusy


class View:
    """A connection with its aggregates."""

    __slots__ = ("__weakref__", "session", "transaction")

    def __init__(self, connection: apsw.Connection) -> None:
        self.session = Session(connection)
        self.transaction = SQLiteTransaction(self.session)


class Mine(threading.local):
    """What belongs to one thread. It goes when the thread goes, and its connection with it."""

    reader: View | None = None
    is_busy: bool = False


class BusyCount:
    """How many transactions were given up because the database stayed locked."""

    __slots__ = ("_lock", "count")

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self.count += 1


class Turn:
    """Holds a connection for one transaction, and the lock around it if it is shared by threads."""

    __slots__ = ("_busy", "_busy_seconds", "_lock", "_may_write", "_mine", "_view")

    def __init__(
        self,
        view: View,
        mine: Mine,
        lock: "threading.Lock | None" = None,
        busy_seconds: float = 0,
        *,
        busy: "BusyCount",
        may_write: bool,
    ) -> None:
        self._busy = busy
        self._view = view
        self._mine = mine
        self._lock = lock
        self._busy_seconds = busy_seconds
        self._may_write = may_write

    def __enter__(self) -> SQLiteTransaction:
        """Start the transaction.

        Raises:
            StoreBusy, StoreUnavailable.
            RuntimeError: This thread is in a transaction already: a mistake of the caller.
        """
        if self._mine.is_busy:
            raise RuntimeError("a transaction is already open in this thread; they do not nest")
        try:
            left = None if self._lock is None else self._wait_for(self._lock)
            self._begin(left)
        except StoreBusy:
            self._busy.add()
            raise
        self._mine.is_busy = True
        return self._view.transaction

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, or undo everything if there was an error.

        What was only read is never committed: SQLite would fail for damage that was met and told.
        """
        try:
            if exc_type is None and self._may_write:
                self._view.session.commit()
            else:
                self._view.session.abandon()
        finally:
            self._mine.is_busy = False
            self._release()

    def _begin(self, busy_seconds: float | None) -> None:
        try:
            self._view.session.begin(may_write=self._may_write, busy_seconds=busy_seconds)
        except BaseException:
            self._release()
            raise

    def _wait_for(self, lock: "threading.Lock") -> float:
        """Wait for other threads; give what is left for other processes: they share one wait."""
        began_at = monotonic()
        if not lock.acquire(timeout=self._busy_seconds):
            raise StoreBusy
        return max(0.0, self._busy_seconds - (monotonic() - began_at))

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
