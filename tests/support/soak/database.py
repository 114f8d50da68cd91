"""The database under a run: a file, or the same in memory, which takes a fifth less time."""

from collections.abc import Callable
from pathlib import Path

import apsw

from keysat_adapters.sqlite.connection import MEMORY, open_reader, open_writer
from keysat_adapters.sqlite.migrations import migrate
from keysat_adapters.sqlite.store import SQLiteStore
from tests.support.simulation.process import open_file


class Database:
    """What outlives a process. ``db`` reads it beside the processes.

    A process that dies leaves a transaction at most, and that is rolled back either way: what is in
    memory here stays when a store over it is closed.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is None:
            self.db = open_writer(MEMORY)
            migrate(self.db)
        else:
            SQLiteStore.open(path).close()
            self.db = open_reader(path)

    def open(self) -> SQLiteStore:
        """Open a store, as a process does when it starts."""
        if self._path is None:
            return _Lasting(MEMORY, self.db)
        return open_file(self._path)

    def alter(self, change: Callable[[apsw.Connection], None]) -> None:
        """Change what no store changes: its schema."""
        if self._path is None:
            change(self.db)
            return
        writer = open_writer(self._path)
        change(writer)
        writer.close()

    def close(self) -> None:
        """Let go of it."""
        self.db.close()


class _Lasting(SQLiteStore):
    """A store that leaves its connection open when it is closed."""

    def close(self) -> None:
        """Do nothing: the next process opens the same."""
