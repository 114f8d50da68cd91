"""Send one webhook endpoint an event that means nothing, to see whether it arrives."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import WebhookTest, outbox_event
from keysat_core.domain.ids import EventId, WebhookEndpointId
from keysat_core.domain.webhook_delivery import DeliveryRow
from keysat_core.domain.webhook_queue import delivery_id_of, queued_delivery
from keysat_core.errors import InvariantError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


def ping_endpoint(
    actor: Actor, endpoint_id: WebhookEndpointId, *, store: Store, clock: Clock, ids: Ids
) -> DeliveryRow:
    """Queue a ``webhook.test`` for this endpoint alone, whatever events it asks for.

    Raises:
        Forbidden: the actor lacks ``webhooks:write``.
        NotFound: no such endpoint.
        InvariantError: it is not active, so nothing would be sent.
    """
    authorize(actor, Scope.WEBHOOKS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        endpoint = tx.webhooks.get_endpoint(endpoint_id)
        if not endpoint.active:
            raise InvariantError("endpoint_id", "is not active; activate it first")
        test = WebhookTest(webhook_endpoint_id=endpoint.id)
        event = outbox_event(test, event_id=EventId(ids.new()), now=now)
        tx.trail.append_event(event)
        delivery = queued_delivery(event, endpoint.id, delivery_id_of(event.id, endpoint.id), now)
        tx.deliveries.put_deliveries([delivery])
        tx.trail.append_audit(
            audited(
                actor,
                "webhook_endpoint.test",
                now,
                target=("webhook_endpoint", endpoint.id),
                delivery_id=delivery.id,
            )
        )
    return DeliveryRow(delivery=delivery, event_type=event.event_type, body=event.body)
