"""Verify that the audit log is as it was written."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit_chain import FIRST_ID, Anchor, links_in
from keysat_core.domain.audit_walk import (
    ChainEnd,
    ChainReport,
    check_end,
    verify_chain,
    with_anchor,
)
from keysat_core.limits import AUDIT_CHAIN_BATCH, AUDIT_END_ROWS
from keysat_core.ports.store import Store


def verify_audit(actor: Actor, *, anchor: Anchor | None = None, store: Store) -> ChainReport:
    """Walk the whole audit chain in one snapshot, and say where it breaks and how.

    ``anchor`` is a head that an earlier verification gave: with it, rows that were all sealed
    anew, or cut off together with their count, show too.

    Raises:
        Forbidden: the actor lacks ``audit:read``.
        StoreUnavailable: so much is damaged that rows cannot even be looked for.
    """
    authorize(actor, Scope.AUDIT_READ)
    with store.reading() as tx:
        log = tx.audit_log
        links = links_in(lambda first_id: log.read_chain(first_id, AUDIT_CHAIN_BATCH))
        report = verify_chain(links, last_id=log.last_id())
        if anchor is None:
            return report
        return with_anchor(report, anchor, next(iter(log.read_chain(anchor.id, 1).links), None))


def check_audit_end(actor: Actor, *, store: Store) -> ChainEnd:
    """Check the newest rows of the audit chain, which is quick however long the log is.

    Raises:
        Forbidden: the actor lacks ``audit:read``.
        StoreUnavailable: as ``verify_audit``.
    """
    authorize(actor, Scope.AUDIT_READ)
    with store.reading() as tx:
        last_id = tx.audit_log.last_id()
        first_id = max(FIRST_ID, last_id - AUDIT_END_ROWS + 1)
        # One more than there may be, so that a count of ids that was turned back shows.
        links = tx.audit_log.read_chain(first_id, AUDIT_END_ROWS + 1).links
        return check_end(links, last_id=last_id)
