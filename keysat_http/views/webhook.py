"""Webhook endpoints and deliveries as operators see them. Source: admin-api 2.1 and 2.8, B-04."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain import webhook_delivery as core
from keysat_core.domain import webhook_endpoint as core_endpoint
from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.webhook_delivery import DeliveryStatus
from keysat_core.domain.webhook_signature import standard_secret
from keysat_core.use_cases.webhooks.replay_events import Replayed

STATUS_NAMES: Final[Mapping[DeliveryStatus, str]] = {
    DeliveryStatus.QUEUED: "pending",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.DEAD: "failed",
}
"""The words operators know."""


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a subscriber is told of events.

    ``secret`` is the key of ``X-Keysat-Signature``; ``signing_secret`` is the same key as libraries for
    Standard Webhooks take it. ``previous_secret_until``: until then ``webhook-signature`` holds a second
    signature, by the secret that was rotated away.
    """

    id: str
    url: str
    secret: str | UnsetType = UNSET
    signing_secret: str | UnsetType = UNSET
    event_types: list[str]
    active: bool
    description: str
    created_at: str
    updated_at: str
    previous_secret_until: str | UnsetType = UNSET


class WebhookEndpointList(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints, newest first. ``total`` counts all of them."""

    endpoints: list[WebhookEndpoint]
    total: int


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one endpoint. ``status``: pending, delivered, or failed for good."""

    id: str
    endpoint_id: str
    event_type: str
    payload_json: str
    status: str
    attempt_count: int
    next_attempt_at: str | None
    last_status_code: int | None
    last_error: str | None
    delivered_at: str | None
    created_at: str


class WebhookDeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, newest first. ``total`` counts all that match."""

    deliveries: list[WebhookDelivery]
    total: int


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True):
    """It is done."""

    ok: bool = True


class WebhookReplay(msgspec.Struct, frozen=True, kw_only=True):
    """How many events of a time are sent again."""

    ok: bool
    endpoint_id: str
    since: str
    until: str
    queued: int


def endpoint_view(
    endpoint: core_endpoint.WebhookEndpoint, *, is_secret_shown: bool
) -> WebhookEndpoint:
    """Render an endpoint, with its secret only where that is asked for and allowed."""
    secret = endpoint.secret
    until = rfc3339_or_none(endpoint.previous_secret_until)
    return WebhookEndpoint(
        id=endpoint.id,
        url=endpoint.url,
        secret=secret.reveal() if is_secret_shown else UNSET,
        signing_secret=standard_secret(secret).reveal() if is_secret_shown else UNSET,
        event_types=list(endpoint.event_types),
        active=endpoint.active,
        description=endpoint.description,
        created_at=rfc3339(endpoint.created_at),
        updated_at=rfc3339(endpoint.updated_at),
        previous_secret_until=UNSET if until is None else until,
    )


def endpoint_list_view(
    endpoints: Iterable[core_endpoint.WebhookEndpoint], *, total: int, is_secret_shown: bool
) -> WebhookEndpointList:
    """Render endpoints in the order given."""
    views = [endpoint_view(one, is_secret_shown=is_secret_shown) for one in endpoints]
    return WebhookEndpointList(endpoints=views, total=total)


def delivery_view(row: core.DeliveryRow) -> WebhookDelivery:
    """Render a delivery."""
    delivery = row.delivery
    return WebhookDelivery(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        event_type=row.event_type,
        payload_json=row.body.decode(),
        status=STATUS_NAMES[delivery.status],
        attempt_count=delivery.attempts,
        next_attempt_at=rfc3339_or_none(delivery.next_attempt_at),
        last_status_code=delivery.last_status_code,
        last_error=delivery.last_error,
        delivered_at=rfc3339_or_none(delivery.delivered_at),
        created_at=rfc3339(delivery.created_at),
    )


def delivery_list_view(page: core.DeliveryPage) -> WebhookDeliveryList:
    """Render a page of deliveries."""
    return WebhookDeliveryList(
        deliveries=[delivery_view(row) for row in page.rows], total=page.total
    )


def replay_view(replayed: Replayed) -> WebhookReplay:
    """Render what a replay queued."""
    return WebhookReplay(
        ok=True,
        endpoint_id=replayed.endpoint_id,
        since=rfc3339(replayed.since),
        until=rfc3339(replayed.until),
        queued=replayed.queued,
    )
