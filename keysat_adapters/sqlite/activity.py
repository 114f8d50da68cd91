"""The validation log and the heartbeats over their file, and the thread that writes them."""

import threading
from pathlib import Path
from time import monotonic
from typing import Final

import structlog

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.connection import MEMORY
from keysat_adapters.sqlite.heartbeats import FLUSH_MACHINES, SQLiteHeartbeats
from keysat_adapters.sqlite.validation_log import SQLiteValidationLog

FLUSH_SECONDS: Final = 0.2
"""Longest a queued row of the log waits, and so what a power cut may lose (ARCHITECTURE, rule 7)."""

HEARTBEAT_FLUSH_SECONDS: Final = 5.0
"""Longest a heartbeat waits: their rows are strewn over the file, so many together write far less."""

STOP_SECONDS: Final = 5.0
"""How long closing waits for a write under way, which waits for another process at most as long."""

log = structlog.get_logger("keysat.activity")


class Activity:
    """What is written behind. Until ``start`` only ``flush`` and ``close`` write."""

    def __init__(
        self,
        path: Path | str = MEMORY,
        *,
        heartbeat_seconds: float = HEARTBEAT_FLUSH_SECONDS,
    ) -> None:
        self.file = ActivityFile(path)
        self._wanted = threading.Event()
        self.validations = SQLiteValidationLog(self.file, wake=self._wanted.set)
        self.heartbeats = SQLiteHeartbeats(self.file)
        self._heartbeat_seconds = heartbeat_seconds
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._problem: str | None = None

    def start(self) -> None:
        """Write each kind at its interval from now on, or as soon as there are enough for a group."""
        self._thread = threading.Thread(target=self._run, name="activity", daemon=True)
        self._thread.start()

    def flush(self) -> int:
        """Write what is queued and give the number of rows; what cannot be written stays queued."""
        return self._flush(are_heartbeats_due=True)

    def close(self) -> None:
        """Write what is queued, then take no more validations. Closing again does nothing."""
        self._is_stopping = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        try:
            self.validations.close()
            self.heartbeats.flush()
        finally:
            self.file.close()
            if self.validations.dropped_count:
                log.warning("validations_dropped", count=self.validations.dropped_count)

    def _flush(self, *, are_heartbeats_due: bool) -> int:
        written = self.validations.flush()
        if are_heartbeats_due:
            written += self.heartbeats.flush()
        problem = self.validations.problem or self.heartbeats.problem
        if problem != self._problem:
            self._problem = problem
            if problem:
                log.warning("activity_unwritable", problem=problem)
            else:
                log.info("activity_writable_again")
        return written

    def _run(self) -> None:
        due_at = monotonic() + self._heartbeat_seconds
        while not self._is_stopping:
            self._wanted.wait(FLUSH_SECONDS)
            self._wanted.clear()
            are_many = self.heartbeats.queued_count >= FLUSH_MACHINES
            # While the disk fails more and more wait, and each attempt costs more.
            are_due = monotonic() >= due_at or (are_many and self.heartbeats.problem is None)
            if are_due:
                due_at = monotonic() + self._heartbeat_seconds
            try:
                self._flush(are_heartbeats_due=are_due)
            except Exception:
                # A mistake of ours in one group must not end the log for good.
                log.exception("activity_flush_failed")
