"""The picture of the schema after all migrations, for ``schema/database.sql``."""

from keysat_adapters.sqlite.connection import MEMORY, open_writer
from keysat_adapters.sqlite.ledger import APPLICATION_ID
from keysat_adapters.sqlite.migrations import migrate


def dump_schema() -> str:
    """Spell the statements that make today's schema: tables by name, each before its indexes."""
    connection = open_writer(MEMORY)
    try:
        migrate(connection)
        rows = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%'"
            " ESCAPE '\\' ORDER BY tbl_name, type <> 'table', name"
        ).fetchall()
    finally:
        connection.close()
    head = (
        "-- The database's schema, generated from its migrations; do not edit.\n\n"
        f"PRAGMA application_id = {APPLICATION_ID};\n\n"
    )
    return head + "\n\n".join(f"{sql};" for (sql,) in rows) + "\n"
