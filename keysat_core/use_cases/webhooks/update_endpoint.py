"""Change a webhook endpoint, or have nothing sent to it for a while."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited, before_and_after
from keysat_core.domain.events import WebhookEndpointUpdated, outbox_event
from keysat_core.domain.ids import EventId, WebhookEndpointId
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_endpoint import (
    WebhookEndpoint,
    checked_endpoint_description,
    checked_endpoint_url,
    checked_event_types,
    checked_webhook_secret,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store

_ALONE: Final[Mapping[str, None]] = {"previous_secret": None, "previous_secret_until": None}
"""No other secret signs."""


class UpdateEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Fields to change; what is UNSET stays.

    A new secret alone signs from the next attempt on; ``rotate_secret`` keeps the old one for a while.
    """

    endpoint_id: WebhookEndpointId
    url: str | UnsetType = UNSET
    event_types: Iterable[str] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    secret: Secret | UnsetType = UNSET


def update_endpoint(
    actor: Actor, command: UpdateEndpoint, *, store: Store, clock: Clock, ids: Ids
) -> WebhookEndpoint:
    """Store a changed endpoint; what is queued already goes to the new address.

    The audit row says what they were and are, but of a secret only that it changed.

    Raises:
        Forbidden: the actor lacks ``webhooks:write``.
        NotFound: no such endpoint.
        InvariantError: a field breaks a rule.
    """
    authorize(actor, Scope.WEBHOOKS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        endpoint = tx.webhooks.get_endpoint(command.endpoint_id)
        changes = _changes(endpoint, command)
        if not changes:
            return endpoint
        before = endpoint
        endpoint = msgspec.structs.replace(
            before, updated_at=now, **changes, **(_ALONE if "secret" in changes else {})
        )
        tx.webhooks.put_endpoint(endpoint)
        tx.trail.append_audit(
            audited(
                actor,
                "webhook_endpoint.update",
                now,
                target=("webhook_endpoint", endpoint.id),
                fields=list(changes),
                event_types=list(endpoint.event_types),
                **before_and_after(before, endpoint, [one for one in changes if one != "secret"]),
            )
        )
        event = WebhookEndpointUpdated(webhook_endpoint_id=endpoint.id, fields=tuple(changes))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return endpoint


def set_endpoint_active(
    actor: Actor,
    endpoint_id: WebhookEndpointId,
    *,
    active: bool,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> WebhookEndpoint:
    """Have events sent to an endpoint, or not. An inactive one misses the events of the time.

    What is queued for it dies when it comes due meanwhile; activating brings nothing back
    (lifecycles 10.3). Repeated, it changes nothing.

    Raises:
        Forbidden: the actor lacks ``webhooks:write``.
        NotFound: no such endpoint.
    """
    authorize(actor, Scope.WEBHOOKS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        endpoint = tx.webhooks.get_endpoint(endpoint_id)
        if endpoint.active is active:
            return endpoint
        endpoint = msgspec.structs.replace(endpoint, active=active, updated_at=now)
        tx.webhooks.put_endpoint(endpoint)
        target = ("webhook_endpoint", endpoint.id)
        tx.trail.append_audit(
            audited(actor, "webhook_endpoint.set_active", now, target=target, active=active)
        )
        event = WebhookEndpointUpdated(webhook_endpoint_id=endpoint.id, fields=("active",))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return endpoint


def _changes(endpoint: WebhookEndpoint, command: UpdateEndpoint) -> dict[str, object]:
    wanted: dict[str, object] = {}
    if command.url is not UNSET:
        wanted["url"] = checked_endpoint_url(command.url)
    if command.event_types is not UNSET:
        wanted["event_types"] = checked_event_types(command.event_types)
    if command.description is not UNSET:
        wanted["description"] = checked_endpoint_description(command.description)
    if command.secret is not UNSET:
        wanted["secret"] = checked_webhook_secret(command.secret)
    return {field: value for field, value in wanted.items() if value != getattr(endpoint, field)}
