"""The audit log as operators see it. Source: admin-api 2.11."""

from collections.abc import Mapping

import msgspec

from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import rfc3339
from keysat_core.use_cases.server.list_audit import AuditPage


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change: by whom, of what, from where and when, and by which request."""

    id: int
    actor_kind: str
    actor_hash: str | None
    action: str
    target_kind: str | None
    target_id: str | None
    request_ip: str | None
    user_agent: str | None
    request_id: str | None
    details: Mapping[str, JSONValue]
    occurred_at: str


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    """Audit entries, newest first. ``total`` counts all that match, if it is exact."""

    entries: list[AuditEntry]
    total: int
    is_total_exact: bool
    limit: int
    offset: int


def audit_list_view(page: AuditPage, criteria: AuditFilter) -> AuditList:
    """Render a page of audit rows in the order given."""
    return AuditList(
        entries=[audit_row_view(row) for row in page.rows],
        total=page.total.number,
        is_total_exact=page.total.is_exact,
        limit=criteria.limit,
        offset=criteria.offset,
    )


def audit_row_view(row: AuditRow) -> AuditEntry:
    """Render one audit row."""
    entry = row.entry
    return AuditEntry(
        id=row.id,
        actor_kind=entry.actor_kind,
        actor_hash=entry.actor_hash,
        action=entry.action,
        target_kind=entry.target_kind,
        target_id=entry.target_id,
        request_ip=entry.request_ip,
        user_agent=entry.user_agent,
        request_id=entry.request_id,
        details=entry.details,
        occurred_at=rfc3339(entry.occurred_at),
    )
