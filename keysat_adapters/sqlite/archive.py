"""A database file that must stay as it is: a backup, or one that is under suspicion."""

from pathlib import Path
from typing import NoReturn, Self

import apsw

from keysat_adapters.sqlite.connection import is_file_there, open_unchanging
from keysat_adapters.sqlite.emptied import refuse_empty
from keysat_adapters.sqlite.migrations import refuse_unless_current
from keysat_adapters.sqlite.turn import BusyCount, Mine, Turn, View
from keysat_core.errors import StoreUnavailable


class SQLiteArchive:
    """Implements ``ports.store.Store`` for one thread, without its writing half."""

    __slots__ = ("_busy", "_mine", "_view")

    def __init__(self, connection: apsw.Connection) -> None:
        self._view = View(connection)
        self._mine = Mine()
        self._busy = BusyCount()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file that needs no migration.

        Raises:
            MigrationRefused: It does, or is not ours.
            StoreUnavailable: It is not there, or cannot be read.
        """
        if not is_file_there(path):
            raise StoreUnavailable(f"{path} does not exist")
        refuse_empty(path)
        connection = open_unchanging(path)
        try:
            refuse_unless_current(connection)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def reading(self) -> Turn:
        """Open a snapshot; see ``ports.store.Store``."""
        return Turn(self._view, self._mine, busy=self._busy, may_write=False)

    def writing(self) -> NoReturn:
        """Refuse.

        Raises:
            StoreUnavailable: always.
        """
        raise StoreUnavailable("it was opened for reading alone")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._view.session.connection.close()
