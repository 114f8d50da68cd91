"""Which deliveries an event gets, and the ids they have."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import DeliveryId, EventId, WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_delivery import Delivery
from keysat_core.domain.webhook_endpoint import Listener, wants


def queued_for(events: Iterable[OutboxEvent], listeners: Sequence[Listener]) -> list[Delivery]:
    """Queue events for the endpoints that are active now and whose filter lets them through."""
    return [
        queued_delivery(
            event, one.endpoint_id, delivery_id_of(event.id, one.endpoint_id), event.occurred_at
        )
        for event in events
        if event.is_published
        for one in listeners
        if wants(one.event_types, event.event_type)
    ]


def queued_delivery(
    event: OutboxEvent, endpoint_id: WebhookEndpointId, delivery_id: DeliveryId, now: Instant
) -> Delivery:
    """Make a delivery that is due at once."""
    return Delivery(
        id=delivery_id,
        endpoint_id=endpoint_id,
        event_id=event.id,
        next_attempt_at=now,
        created_at=now,
    )


def delivery_id_of(event_id: EventId, endpoint_id: WebhookEndpointId) -> DeliveryId:
    """Derive the id of an event's first delivery to an endpoint: UUIDv4 text (decisions 26).

    Both ids are random, so that this one is as hard to guess. Source of the bits that are set: RFC
    9562 section 5.4.
    """
    digest = sha256(f"{event_id} {endpoint_id}".encode()).hexdigest()
    variant = "89ab"[int(digest[16], 16) % 4]
    return DeliveryId(
        f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
    )
