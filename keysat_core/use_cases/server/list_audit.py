"""Read the audit log."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.listing import AuditFilter, AuditRow
from keysat_core.ports.store import Store


def list_audit(actor: Actor, criteria: AuditFilter, *, store: Store) -> list[AuditRow]:
    """Give one page of audit rows, newest first (admin-api 2.11).

    Raises:
        Forbidden: the actor lacks ``audit:read``.
    """
    authorize(actor, Scope.AUDIT_READ)
    with store.reading() as tx:
        return tx.audit_log.list_rows(criteria)
