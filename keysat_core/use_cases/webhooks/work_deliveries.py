"""Take deliveries that are due, and mark what came of those that were sent.

Sending lies between two calls of ``exchange_deliveries``, and no transaction is open meanwhile. A
crash there leaves a delivery taken: it is due again after ``DELIVERY_CLAIM_SECONDS`` and sent twice.
"""

from collections.abc import Mapping

import msgspec

from keysat_core.domain.ids import DeliveryId, WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_delivery import (
    ENDPOINT_GONE,
    Claim,
    Delivery,
    DeliveryEvent,
    DeliveryRow,
    GiveUp,
    Release,
    Reply,
    advance,
    judged,
)
from keysat_core.domain.webhook_endpoint import WebhookEndpoint
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store, Transaction


class ExchangeDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """What came of deliveries taken earlier, and how many to take now.

    ``replies``: None for one that was not sent after all.
    """

    endpoint_id: WebhookEndpointId
    replies: Mapping[DeliveryId, Reply | None] = {}
    limit: int = 0


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries to send to an endpoint now. ``dead``: how many died because nobody is there."""

    endpoint: WebhookEndpoint | None
    rows: tuple[DeliveryRow, ...] = ()
    dead: int = 0


def list_due_endpoints(*, store: Store, clock: Clock) -> list[WebhookEndpointId]:
    """Give the endpoints for which anything is due, longest due first."""
    now = clock.now()
    with store.reading() as tx:
        return tx.deliveries.list_due_endpoints(now)


def exchange_deliveries(command: ExchangeDeliveries, *, store: Store, clock: Clock) -> Batch:
    """Mark what was sent and take what is due, many in one transaction."""
    now = clock.now()
    with store.writing() as tx:
        changed = _marked(tx, command.replies, now)
        tx.deliveries.put_deliveries(changed)
        if command.limit < 1:
            return Batch(endpoint=None)
        rows = tx.deliveries.list_due(command.endpoint_id, now, command.limit)
        endpoint = tx.webhooks.find_endpoint(command.endpoint_id)
        event: DeliveryEvent = Claim()
        is_live = endpoint is not None and endpoint.is_live
        if not is_live:
            event = GiveUp(status_code=None, error=ENDPOINT_GONE)
        taken = [advance(row.delivery, event, now=now) for row in rows]
        tx.deliveries.put_deliveries(taken)
    if not is_live:
        return Batch(endpoint=endpoint, dead=len(taken))
    return Batch(endpoint=endpoint, rows=tuple(rows))


def _marked(
    tx: Transaction, replies: Mapping[DeliveryId, Reply | None], now: Instant
) -> list[Delivery]:
    if not replies:
        return []
    known = tx.deliveries.find_deliveries(list(replies))
    return [advance(one, _event(one, replies[one.id]), now=now) for one in known]


def _event(delivery: Delivery, reply: Reply | None) -> DeliveryEvent:
    return Release() if reply is None else judged(delivery, reply)
