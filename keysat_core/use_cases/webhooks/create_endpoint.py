"""Create a webhook endpoint."""

from collections.abc import Iterable

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import WebhookEndpointCreated, outbox_event
from keysat_core.domain.ids import EventId, WebhookEndpointId
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_endpoint import (
    EVERY_EVENT,
    SECRET_BYTES,
    WebhookEndpoint,
    checked_endpoint_description,
    checked_endpoint_url,
    checked_event_types,
    checked_webhook_secret,
)
from keysat_core.errors import InvariantError
from keysat_core.limits import WEBHOOK_ENDPOINTS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class CreateEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A new endpoint. ``secret`` None: one is made."""

    url: str
    event_types: Iterable[str] = (EVERY_EVENT,)
    description: str = ""
    secret: Secret | None = None


def create_endpoint(
    actor: Actor,
    command: CreateEndpoint,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    entropy: Entropy,
) -> WebhookEndpoint:
    """Store a new endpoint, which is told of every event from now on that its filter lets through.

    Raises:
        Forbidden: the actor lacks ``webhooks:write``.
        InvariantError: a field breaks a rule, or there are too many endpoints.
    """
    authorize(actor, Scope.WEBHOOKS_WRITE)
    now = clock.now()
    secret = command.secret
    endpoint = WebhookEndpoint(
        id=WebhookEndpointId(ids.new()),
        url=checked_endpoint_url(command.url),
        event_types=checked_event_types(command.event_types),
        description=checked_endpoint_description(command.description),
        secret=Secret(entropy.token(SECRET_BYTES).hex())
        if secret is None
        else checked_webhook_secret(secret),
        created_at=now,
        updated_at=now,
    )
    with store.writing() as tx:
        if tx.webhooks.count_endpoints() >= WEBHOOK_ENDPOINTS_MAX:
            raise InvariantError("url", f"there are {WEBHOOK_ENDPOINTS_MAX} endpoints; delete one")
        tx.webhooks.put_endpoint(endpoint)
        tx.trail.append_audit(
            audited(
                actor,
                "webhook_endpoint.create",
                now,
                target=("webhook_endpoint", endpoint.id),
                url=endpoint.url,
                event_types=list(endpoint.event_types),
            )
        )
        event = WebhookEndpointCreated(
            webhook_endpoint_id=endpoint.id, event_types=endpoint.event_types
        )
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return endpoint
