"""Audit entries as rows, with and without their ids."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.audit_seals import SEALED_COLUMNS
from keysat_adapters.sqlite.session import Row
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.audit_list import AuditRow
from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import checked_instant

AUDIT: Final = Table("audit_log", SEALED_COLUMNS)
AUDIT_ROWS: Final = Table("audit_log", ("id", *SEALED_COLUMNS))

_read_details: Final = msgspec.json.Decoder(dict[str, JSONValue]).decode


def audit_entry(row: Row) -> AuditEntry:
    """Read the sealed columns of a row."""
    return AuditEntry(
        actor_kind=row[0],
        actor_hash=row[1],
        action=row[2],
        target_kind=row[3],
        target_id=row[4],
        request_ip=row[5],
        user_agent=row[6],
        request_id=row[7],
        details=_read_details(row[8]),
        occurred_at=row[9],
    )


def audit_row(row: Row) -> AuditRow:
    """Read an id and the sealed columns behind it."""
    entry = audit_entry(row[1:])
    checked_instant(entry.occurred_at, field="occurred_at")
    return AuditRow(id=row[0], entry=entry)
