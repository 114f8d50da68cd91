"""Have a delivery sent again."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import WebhookDeliveryRetried, outbox_event
from keysat_core.domain.ids import DeliveryId, EventId
from keysat_core.domain.webhook_delivery import DeliveryRow, Requeue, advance
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


def retry_delivery(
    actor: Actor, delivery_id: DeliveryId, *, store: Store, clock: Clock, ids: Ids
) -> DeliveryRow:
    """Queue a delivery anew, whatever became of it, with the same id and body (lifecycles 10.3, B-46).

    Raises:
        Forbidden: the actor lacks ``webhooks:write``.
        NotFound: no such delivery.
    """
    authorize(actor, Scope.WEBHOOKS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        row = tx.deliveries.find_delivery(delivery_id)
        if row is None:
            raise NotFound("webhook delivery", delivery_id)
        delivery = advance(row.delivery, Requeue(), now=now)
        tx.deliveries.put_deliveries([delivery])
        tx.trail.append_audit(
            audited(
                actor,
                "webhook_delivery.retry",
                now,
                target=("webhook_delivery", delivery.id),
                endpoint_id=delivery.endpoint_id,
                event_type=row.event_type,
            )
        )
        event = WebhookDeliveryRetried(
            webhook_delivery_id=delivery.id, webhook_endpoint_id=delivery.endpoint_id
        )
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return msgspec.structs.replace(row, delivery=delivery)
