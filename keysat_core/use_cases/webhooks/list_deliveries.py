"""Read deliveries: those an operator asks for, and how many wait or died."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import DeliveryId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.webhook_delivery import (
    DeliveryCounts,
    DeliveryFilter,
    DeliveryPage,
    DeliveryRow,
)
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


def list_deliveries(actor: Actor, criteria: DeliveryFilter, *, store: Store) -> DeliveryPage:
    """Give one page of matching deliveries, newest first; of an unknown endpoint there are none.

    Raises:
        Forbidden: the actor lacks ``webhooks:read``.
    """
    authorize(actor, Scope.WEBHOOKS_READ)
    with store.reading() as tx:
        return tx.deliveries.list_deliveries(criteria)


def show_delivery(actor: Actor, delivery_id: DeliveryId, *, store: Store) -> DeliveryRow:
    """Give one delivery with what it carries.

    Raises:
        Forbidden: the actor lacks ``webhooks:read``.
        NotFound: no such delivery.
    """
    authorize(actor, Scope.WEBHOOKS_READ)
    with store.reading() as tx:
        row = tx.deliveries.find_delivery(delivery_id)
    if row is None:
        raise NotFound("webhook delivery", delivery_id)
    return row


def count_deliveries(*, store: Store, clock: Clock) -> list[DeliveryCounts]:
    """Count by endpoint what is queued, and what died of the deliveries of the last day."""
    now = clock.now()
    with store.reading() as tx:
        return tx.deliveries.count_by_endpoint(Instant(now - DAY_SECONDS))
