"""The schema of databases in memory: migrated once in a process, and copied from then on.

A program that embeds the core makes one for each of its tests. Every migration, one after another,
takes twenty times as long as the copy, and its end is the same each time.
"""

import ctypes
from functools import cache
from typing import Final

import apsw

from keysat_adapters.sqlite.connection import MEMORY, open_writer
from keysat_adapters.sqlite.migrations import migrate
from keysat_adapters.sqlite.refusals import refusal

BYTES_MAX: Final = 2**46
"""More than any machine has, so that the memory there is decides; SQLite alone would stop at 1 GiB."""


def fill_memory(connection: apsw.Connection) -> None:
    """Give a new database in memory the schema of this program.

    Raises:
        MigrationRefused, StoreUnavailable: The packaged migrations cannot be applied.
    """
    image = _migrated()
    try:
        connection.deserialize("main", image)
        limit = ctypes.c_int64(BYTES_MAX)
        connection.file_control("main", apsw.SQLITE_FCNTL_SIZE_LIMIT, ctypes.addressof(limit))
    except apsw.Error as exc:
        raise refusal(exc) from exc


@cache
def _migrated() -> bytes:
    # Bytes, not a connection: a child of this process may use them too.
    connection = open_writer(MEMORY)
    try:
        migrate(connection)
        return connection.serialize("main")
    finally:
        connection.close()
