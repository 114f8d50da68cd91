"""Read tips: those an operator asks for, and those with something to do."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.listing import Total
from keysat_core.domain.tip import TipAttempt, TipFilter
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


class TipPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of tips, and how many there are on all."""

    tips: tuple[TipAttempt, ...]
    total: Total


def list_tips(actor: Actor, criteria: TipFilter, *, store: Store) -> TipPage:
    """Give one page of matching tips, newest first (admin-api 2.5).

    Raises:
        Forbidden: the actor lacks ``policies:read``.
    """
    authorize(actor, Scope.POLICIES_READ)
    with store.reading() as tx:
        return TipPage(tips=tuple(tx.tips.list_tips(criteria)), total=tx.tips.count_tips(criteria))


def list_due_tips(*, limit: int, store: Store, clock: Clock) -> list[TipAttempt]:
    """Give tips with something to do by now, longest due first."""
    now = clock.now()
    with store.reading() as tx:
        return tx.tips.list_due_tips(now, limit)
