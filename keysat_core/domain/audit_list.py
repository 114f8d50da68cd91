"""Questions about the audit log and their answers (admin-api 2.11)."""

from typing import Final

import msgspec

from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.instant import Instant
from keysat_core.domain.text import checked_range
from keysat_core.limits import AUDIT_OFFSET_MAX, AUDIT_PAGE_DEFAULT, AUDIT_PAGE_MAX

UNREADABLE: Final = "unreadable"
"""The action, and the kind of actor, of a row that a damaged database keeps from being read."""


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which audit rows: every given field must match; newest first.

    ``actor_id`` is looked for in the details. ``until`` is not part of its time. With ``before_id``
    only older rows, which is how to page through a long log.
    """

    action: str | None = None
    actor_kind: str | None = None
    actor_hash: str | None = None
    actor_id: str | None = None
    target_kind: str | None = None
    target_id: str | None = None
    request_id: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    before_id: int | None = None
    limit: int = AUDIT_PAGE_DEFAULT
    offset: int = 0

    def __post_init__(self) -> None:
        checked_range(self.limit, field="limit", low=1, high=AUDIT_PAGE_MAX)
        checked_range(self.offset, field="offset", low=0, high=AUDIT_OFFSET_MAX)


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """An audit entry as it was written down. Ids are consecutive."""

    id: int
    entry: AuditEntry


def unreadable_row(row_id: int, occurred_at: Instant) -> AuditRow:
    """Give what stands in a list for a row that is damaged; ``occurred_at`` is 0 if that is, too."""
    entry = AuditEntry(
        actor_kind=UNREADABLE,
        actor_hash=None,
        action=UNREADABLE,
        target_kind=None,
        target_id=None,
        request_ip=None,
        user_agent=None,
        request_id=None,
        details={},
        occurred_at=occurred_at,
    )
    return AuditRow(id=row_id, entry=entry)
