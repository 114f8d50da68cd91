"""What is told of the database as a whole. Source: admin-api 2.17."""

import msgspec

from keysat_core.domain.instant import Instant


class RowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows there are. ``audit_log`` is the highest id given: no audit row ever goes."""

    products: int
    policies: int
    licenses_total: int
    licenses_active: int
    invoices_total: int
    invoices_settled: int
    machines_active: int
    discount_codes: int
    audit_log: int


class DatabaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The database: its file, its size and its rows.

    Attributes:
        path: The file; ``:memory:`` without one.
        size_bytes: None when the file cannot be looked at.
        wal_size_bytes: What is not written back into the file yet; 0 without a log.
        schema_version: The last migration it had.
        last_write_at: The newest of audit rows, events, licenses and invoices; None before any.
    """

    path: str
    size_bytes: int | None
    wal_size_bytes: int
    schema_version: int
    last_write_at: Instant | None
    counts: RowCounts
