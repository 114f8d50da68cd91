"""The audit log as operators see it. Source: admin-api 2.11."""

from collections.abc import Iterable, Mapping

import msgspec

from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.listing import AuditRow


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change: by whom, of what, from where and when."""

    id: int
    actor_kind: str
    actor_hash: str | None
    action: str
    target_kind: str | None
    target_id: str | None
    request_ip: str | None
    user_agent: str | None
    details: Mapping[str, JSONValue]
    occurred_at: str


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    """Audit entries, newest first."""

    entries: list[AuditEntry]


def audit_list_view(rows: Iterable[AuditRow]) -> AuditList:
    """Render audit rows in the order given."""
    return AuditList(entries=[_view(row) for row in rows])


def _view(row: AuditRow) -> AuditEntry:
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
        details=entry.details,
        occurred_at=rfc3339(entry.occurred_at),
    )
