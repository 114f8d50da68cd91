"""Read the audit log."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.listing import Total
from keysat_core.ports.store import Store


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of audit rows, and how many there are on all."""

    rows: tuple[AuditRow, ...]
    total: Total


def list_audit(actor: Actor, criteria: AuditFilter, *, store: Store) -> AuditPage:
    """Give one page of audit rows, newest first (admin-api 2.11).

    Raises:
        Forbidden: the actor lacks ``audit:read``.
    """
    authorize(actor, Scope.AUDIT_READ)
    with store.reading() as tx:
        return AuditPage(
            rows=tuple(tx.audit_log.list_rows(criteria)), total=tx.audit_log.count_rows(criteria)
        )
