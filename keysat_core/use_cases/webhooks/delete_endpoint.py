"""Delete a webhook endpoint."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import WebhookEndpointDeleted, outbox_event
from keysat_core.domain.ids import EventId, WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_delivery import ENDPOINT_GONE, GiveUp, advance
from keysat_core.domain.webhook_endpoint import WebhookEndpoint
from keysat_core.limits import DELIVERIES_BATCH
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


def delete_endpoint(
    actor: Actor, endpoint_id: WebhookEndpointId, *, store: Store, clock: Clock, ids: Ids
) -> WebhookEndpoint:
    """Hide an endpoint for good, let its queued deliveries die, and keep their history (D28, B-13).

    Raises:
        Forbidden: the actor lacks ``webhooks:write``.
        NotFound: no such endpoint, or it is deleted already.
    """
    authorize(actor, Scope.WEBHOOKS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        endpoint = tx.webhooks.get_endpoint(endpoint_id)
        endpoint = msgspec.structs.replace(
            endpoint,
            deleted_at=now,
            active=False,
            updated_at=now,
            previous_secret=None,
            previous_secret_until=None,
        )
        tx.webhooks.put_endpoint(endpoint)
        dead = _let_die(tx, endpoint_id, now)
        target = ("webhook_endpoint", endpoint.id)
        tx.trail.append_audit(audited(actor, "webhook_endpoint.delete", now, target=target))
        event = WebhookEndpointDeleted(webhook_endpoint_id=endpoint.id, dead_deliveries=dead)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return endpoint


def _let_die(tx: Transaction, endpoint_id: WebhookEndpointId, now: Instant) -> int:
    dead = 0
    while queued := tx.deliveries.list_queued(endpoint_id, DELIVERIES_BATCH):
        event = GiveUp(status_code=None, error=ENDPOINT_GONE)
        tx.deliveries.put_deliveries([advance(one, event, now=now) for one in queued])
        dead += len(queued)
    return dead
