"""Give a webhook endpoint another secret while its subscriber still checks with the old one."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import WebhookEndpointUpdated, outbox_event
from keysat_core.domain.ids import EventId, WebhookEndpointId
from keysat_core.domain.instant import rfc3339_or_none
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_endpoint import (
    SECRET_BYTES,
    WebhookEndpoint,
    checked_webhook_secret,
    rotated,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class RotateSecret(msgspec.Struct, frozen=True, kw_only=True):
    """Which endpoint. ``secret`` None: one is made."""

    endpoint_id: WebhookEndpointId
    secret: Secret | None = None


def rotate_secret(
    actor: Actor,
    command: RotateSecret,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    entropy: Entropy,
) -> WebhookEndpoint:
    """Sign with a new secret from the next attempt on, and for a day with the old one as well.

    Raises:
        Forbidden: the actor lacks ``webhooks:write``.
        NotFound: no such endpoint.
        InvariantError: the chosen secret breaks a rule, or is the one in use.
    """
    authorize(actor, Scope.WEBHOOKS_WRITE)
    now = clock.now()
    secret = (
        Secret(entropy.token(SECRET_BYTES).hex())
        if command.secret is None
        else checked_webhook_secret(command.secret)
    )
    with store.writing() as tx:
        endpoint = rotated(tx.webhooks.get_endpoint(command.endpoint_id), secret, now)
        tx.webhooks.put_endpoint(endpoint)
        tx.trail.append_audit(
            audited(
                actor,
                "webhook_endpoint.rotate_secret",
                now,
                target=("webhook_endpoint", endpoint.id),
                previous_secret_until=rfc3339_or_none(endpoint.previous_secret_until),
            )
        )
        event = WebhookEndpointUpdated(webhook_endpoint_id=endpoint.id, fields=("secret",))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return endpoint
