"""Have the events of a time sent to an endpoint again."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import WebhookEventsReplayed, outbox_event
from keysat_core.domain.ids import DeliveryId, EventId, WebhookEndpointId
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.webhook_endpoint import wants
from keysat_core.domain.webhook_queue import queued_delivery
from keysat_core.errors import InvariantError
from keysat_core.limits import REPLAY_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class ReplayEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: published ones of a time, both ends included. ``until`` None: until now."""

    endpoint_id: WebhookEndpointId
    since: Instant
    until: Instant | None = None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries were queued."""

    endpoint_id: WebhookEndpointId
    since: Instant
    until: Instant
    queued: int


def replay_events(
    actor: Actor, command: ReplayEvents, *, store: Store, clock: Clock, ids: Ids
) -> Replayed:
    """Queue the events of a time for an endpoint as new deliveries, with ids of their own.

    The endpoint's filter holds as it is now, also for events from before the endpoint existed. An
    event that has a queued delivery to the endpoint already gets no second one.

    Raises:
        Forbidden: the actor lacks ``webhooks:write``.
        NotFound: no such endpoint.
        InvariantError: it is not active, the time ends before it begins, or it holds too many events.
    """
    authorize(actor, Scope.WEBHOOKS_WRITE)
    now = clock.now()
    until = now if command.until is None else command.until
    if until < command.since:
        raise InvariantError("until", "must not be before since")
    with store.writing() as tx:
        endpoint = tx.webhooks.get_endpoint(command.endpoint_id)
        if not endpoint.active:
            raise InvariantError("endpoint_id", "is not active; activate it first")
        rows = tx.outbox.list_unqueued(endpoint.id, command.since, until, REPLAY_MAX + 1)
        if len(rows) > REPLAY_MAX:
            raise InvariantError(
                "until", f"there are more than {REPLAY_MAX} events; replay them in parts"
            )
        queued = [
            queued_delivery(row.event, endpoint.id, DeliveryId(ids.new()), now)
            for row in rows
            if wants(endpoint.event_types, row.event.event_type)
        ]
        tx.deliveries.put_deliveries(queued)
        tx.trail.append_audit(
            audited(
                actor,
                "webhook_endpoint.replay",
                now,
                target=("webhook_endpoint", endpoint.id),
                since=rfc3339(command.since),
                until=rfc3339(until),
                queued=len(queued),
            )
        )
        event = WebhookEventsReplayed(
            webhook_endpoint_id=endpoint.id, queued_deliveries=len(queued)
        )
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return Replayed(endpoint_id=endpoint.id, since=command.since, until=until, queued=len(queued))
