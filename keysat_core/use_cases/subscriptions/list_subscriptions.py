"""Read subscriptions as an operator does."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import SubscriptionId
from keysat_core.domain.listing import SubscriptionFilter, SubscriptionPage
from keysat_core.domain.subscription import Cycle, Subscription
from keysat_core.limits import CYCLES_LOOKED_THROUGH
from keysat_core.ports.store import Store


class ShownSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription with its latest cycles, newest first, superseded ones too."""

    subscription: Subscription
    cycles: tuple[Cycle, ...]


def list_subscriptions(
    actor: Actor, criteria: SubscriptionFilter, *, store: Store
) -> SubscriptionPage:
    """Give one page of subscriptions, newest first.

    Raises:
        Forbidden: the actor lacks ``subscriptions:read``.
    """
    authorize(actor, Scope.SUBSCRIPTIONS_READ)
    with store.reading() as tx:
        return tx.subscriptions.list_subscriptions(criteria)


def show_subscription(
    actor: Actor, subscription_id: SubscriptionId, *, store: Store
) -> ShownSubscription:
    """Give one subscription with its cycles.

    Raises:
        Forbidden: the actor lacks ``subscriptions:read``.
        NotFound: no such subscription.
    """
    authorize(actor, Scope.SUBSCRIPTIONS_READ)
    with store.reading() as tx:
        return ShownSubscription(
            subscription=tx.subscriptions.get_subscription(subscription_id),
            cycles=tuple(tx.subscriptions.list_cycles(subscription_id, CYCLES_LOOKED_THROUGH)),
        )
