"""The schema of databases in memory: migrated once in a process, and copied from then on.

A program that embeds the core makes one for each of its tests. Every migration, one after another,
takes twenty times as long as the copy, and its end is the same each time.
"""

from functools import cache

import apsw

from keysat_adapters.sqlite.connection import MEMORY, open_writer
from keysat_adapters.sqlite.migrations import migrate
from keysat_adapters.sqlite.refusals import refusal


def fill_memory(connection: apsw.Connection) -> None:
    """Give a new database in memory the schema of this program.

    Raises:
        MigrationRefused, StoreUnavailable: The packaged migrations cannot be applied.
    """
    image = _migrated()
    try:
        connection.deserialize("main", image)
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
