"""Tell which codes, and so which referrers, brought which sales (lifecycles 6.1)."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.attribution import Attribution
from keysat_core.domain.instant import Instant
from keysat_core.ports.store import Store


def attribute_sales(
    actor: Actor, *, since: Instant | None, until: Instant | None, store: Store
) -> list[Attribution]:
    """Add up the redeemed uses of every code from ``since`` on and before ``until``.

    Raises:
        Forbidden: the actor lacks ``discount_codes:read``.
    """
    authorize(actor, Scope.DISCOUNT_CODES_READ)
    with store.reading() as tx:
        return tx.codes.attribute_sales(since, until)
