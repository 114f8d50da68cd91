"""Subscribers to events, and what is on its way to them. Source: admin-api 2.8, B-04, B-13, B-35."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, Scope
from keysat_core.domain.ids import WebhookEndpointId
from keysat_core.domain.instant import parse_rfc3339
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_endpoint import EVERY_EVENT
from keysat_core.errors import NotFound
from keysat_core.limits import WEBHOOK_ENDPOINTS_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.webhooks import create_endpoint as creating
from keysat_core.use_cases.webhooks import delete_endpoint as deleting
from keysat_core.use_cases.webhooks import list_endpoints as listing
from keysat_core.use_cases.webhooks import ping_endpoint as pinging
from keysat_core.use_cases.webhooks import replay_events as replaying
from keysat_core.use_cases.webhooks import rotate_secret as rotating
from keysat_core.use_cases.webhooks import update_endpoint as updating
from keysat_http.admin.paging import page_of
from keysat_http.bodies import Flag
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, get, patch, post
from keysat_http.views.webhook import (
    WebhookChange,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpointList,
    WebhookReplay,
    delivery_view,
    endpoint_list_view,
    endpoint_view,
    replay_view,
)

_PATH: Final = "/v1/admin/webhook-endpoints"
_ONE: Final = _PATH + "/{endpoint_id:str}"
_TAGS: Final = ("webhooks",)

_NO: Final[Flag] = "false"


class NewWebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint to create. Without ``secret``, or with a null one, a random one is made."""

    url: str
    event_types: list[str] = msgspec.field(default_factory=lambda: [EVERY_EVENT])
    description: str = ""
    secret: str | None = None


class WebhookEndpointPatch(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; what is not sent stays."""

    url: str | UnsetType = UNSET
    event_types: list[str] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    secret: str | UnsetType = UNSET


class WebhookSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the endpoint is told of events."""

    active: bool


class SecretRotation(msgspec.Struct, frozen=True, kw_only=True):
    """Without ``secret``, or with a null one, a random one is made."""

    secret: str | None = None


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Events of which time, both ends included (RFC 3339). Without ``until``: until now."""

    since: str
    until: str | None = None


@post(_PATH, tags=_TAGS)
def create_webhook_endpoint(
    data: JSONBody[NewWebhookEndpoint],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> WebhookEndpoint:
    """Create an endpoint. The answer shows its secret."""
    command = creating.CreateEndpoint(
        url=data.url,
        event_types=data.event_types,
        description=data.description,
        secret=None if data.secret is None else Secret(data.secret),
    )
    endpoint = creating.create_endpoint(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        entropy=ports.entropy,
    )
    return endpoint_view(endpoint, is_secret_shown=True)


@get(_PATH, tags=_TAGS)
def list_webhook_endpoints(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    include_secret: FromQuery[Flag] = _NO,
    limit: FromQuery[int] = WEBHOOK_ENDPOINTS_MAX,
    offset: FromQuery[int] = 0,
) -> WebhookEndpointList:
    """List endpoints, newest first. Secrets are shown only to those who may also change them."""
    endpoints = listing.list_endpoints(actor, store=ports.store)
    return endpoint_list_view(
        page_of(endpoints, limit=limit, offset=offset),
        total=len(endpoints),
        is_secret_shown=_may_see(actor, include_secret),
    )


@get(_ONE, raises=[NotFound], tags=_TAGS)
def get_webhook_endpoint(
    *,
    endpoint_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    include_secret: FromQuery[Flag] = _NO,
) -> WebhookEndpoint:
    """Show one endpoint; its secret only to those who may also change it."""
    endpoint = listing.show_endpoint(actor, WebhookEndpointId(endpoint_id), store=ports.store)
    return endpoint_view(endpoint, is_secret_shown=_may_see(actor, include_secret))


@patch(_ONE, raises=[NotFound], tags=_TAGS)
def update_webhook_endpoint(
    data: JSONBody[WebhookEndpointPatch],
    endpoint_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> WebhookEndpoint:
    """Change an endpoint. A new secret alone signs from the next attempt on; see rotate-secret."""
    command = updating.UpdateEndpoint(
        endpoint_id=WebhookEndpointId(endpoint_id),
        url=data.url,
        event_types=data.event_types,
        description=data.description,
        secret=UNSET if data.secret is UNSET else Secret(data.secret),
    )
    endpoint = updating.update_endpoint(
        actor, command, store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return endpoint_view(endpoint, is_secret_shown=False)


@patch(_ONE + "/active", raises=[NotFound], tags=_TAGS)
def set_webhook_endpoint_active(
    data: JSONBody[WebhookSwitch],
    endpoint_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> WebhookChange:
    """Have an endpoint told of events, or not; what it misses meanwhile can be replayed."""
    updating.set_endpoint_active(
        actor,
        WebhookEndpointId(endpoint_id),
        active=data.active,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return WebhookChange()


@delete(_ONE, raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def delete_webhook_endpoint(
    endpoint_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> WebhookChange:
    """Delete an endpoint. What was queued for it has failed; its history stays."""
    deleting.delete_endpoint(
        actor,
        WebhookEndpointId(endpoint_id),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return WebhookChange()


@post(_ONE + "/replay", raises=[NotFound], tags=_TAGS)
def replay_webhook_events(
    data: JSONBody[ReplayRequest],
    endpoint_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> WebhookReplay:
    """Send the events of a time to an endpoint again, as new deliveries."""
    command = replaying.ReplayEvents(
        endpoint_id=WebhookEndpointId(endpoint_id),
        since=parse_rfc3339(data.since, field="since"),
        until=None if data.until is None else parse_rfc3339(data.until, field="until"),
    )
    return replay_view(
        replaying.replay_events(actor, command, store=ports.store, clock=ports.clock, ids=ports.ids)
    )


@post(_ONE + "/rotate-secret", raises=[NotFound], tags=_TAGS)
def rotate_webhook_secret(
    endpoint_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    data: JSONBody[SecretRotation | None] = None,
) -> WebhookEndpoint:
    """Sign with a new secret, which the answer shows, and for a day with the old one too."""
    chosen = None if data is None else data.secret
    command = rotating.RotateSecret(
        endpoint_id=WebhookEndpointId(endpoint_id),
        secret=None if chosen is None else Secret(chosen),
    )
    endpoint = rotating.rotate_secret(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        entropy=ports.entropy,
    )
    return endpoint_view(endpoint, is_secret_shown=True)


@post(_ONE + "/test", raises=[NotFound], tags=_TAGS)
def ping_webhook_endpoint(
    endpoint_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> WebhookDelivery:
    """Send ``webhook.test`` to this endpoint alone, whatever it asks for; see what becomes of it."""
    row = pinging.ping_endpoint(
        actor,
        WebhookEndpointId(endpoint_id),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return delivery_view(row)


def _may_see(actor: Actor, flag: Flag) -> bool:
    """A flag without the right to it is ignored (B-04)."""
    return flag == "true" and Scope.WEBHOOKS_WRITE in actor.scopes
