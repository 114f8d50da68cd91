"""The database as a whole on the wire. Source: admin-api 2.17."""

from typing import Final

import msgspec

from keysat_core.domain.database_info import DatabaseInfo as Info
from keysat_core.domain.database_info import RowCounts
from keysat_core.domain.instant import rfc3339_or_none

UNKNOWN_SIZE: Final = -1
"""Source: admin-api 2.17."""


class DatabaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The file, its size (-1: unknown), when it was last written to, and its rows."""

    db_path: str
    db_size_bytes: int
    wal_size_bytes: int
    schema_version: int
    last_write_at: str | None
    counts: RowCounts


def database_view(info: Info) -> DatabaseInfo:
    """Render the database."""
    return DatabaseInfo(
        db_path=info.path,
        db_size_bytes=UNKNOWN_SIZE if info.size_bytes is None else info.size_bytes,
        wal_size_bytes=info.wal_size_bytes,
        schema_version=info.schema_version,
        last_write_at=rfc3339_or_none(info.last_write_at),
        counts=info.counts,
    )
