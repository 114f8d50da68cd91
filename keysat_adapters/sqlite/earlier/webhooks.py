"""Carrying webhook endpoints and their deliveries.

A delivery's body becomes an event that nobody else is told of, so that it is sent again exactly as it
was (lifecycles 10.2) and is no part of today's events.
"""

import msgspec

from keysat_adapters.sqlite.earlier.cells import Cells, RowLeft
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import DeliveryId, EventId, WebhookEndpointId
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_delivery import ATTEMPTS_MAX, Delivery, DeliveryStatus
from keysat_core.domain.webhook_endpoint import SECRET_BYTES, WebhookEndpoint
from keysat_core.limits import DELIVERY_ERROR_CHARS_MAX, DESCRIPTION_CHARS_MAX

_STATUS_CODE_MAX = 999


def carry_webhooks(mover: Mover) -> None:
    """Carry endpoints, then what was sent to them or still is to be."""

    def endpoint(cells: Cells) -> None:
        mover.tx.webhooks.put_endpoint(_endpoint(mover, cells))

    def delivery(cells: Cells) -> None:
        event, found = _delivery(mover, cells)
        mover.tx.trail.append_event(event)
        mover.tx.deliveries.put_deliveries([found])

    mover.each("webhook_endpoints", endpoint)
    mover.each("webhook_deliveries", delivery)


def _endpoint(mover: Mover, cells: Cells) -> WebhookEndpoint:
    created_at = cells.at("created_at", otherwise=mover.now)
    secret, is_active = cells.text("secret"), cells.flag("active")
    if not secret:
        secret, is_active = mover.entropy.token(SECRET_BYTES).hex(), False
        cells.changed(
            "it had no secret. It has a random one and is switched off now; give it a secret that its"
            " receiver knows, and switch it on",
            "B-35",
        )
    return WebhookEndpoint(
        id=WebhookEndpointId(cells.required("id")),
        url=cells.text("url") or "",
        secret=Secret(secret),
        event_types=cells.words("event_types"),
        active=is_active,
        description=cells.text("description", chars_max=DESCRIPTION_CHARS_MAX) or "",
        created_at=created_at,
        updated_at=cells.at("updated_at", otherwise=created_at),
    )


def _delivery(mover: Mover, cells: Cells) -> tuple[OutboxEvent, Delivery]:
    created_at = cells.at("created_at", otherwise=mover.now)
    body = cells.required("payload_json")
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise RowLeft("its payload_json is not JSON, so that no receiver could read it") from None
    event = OutboxEvent(
        id=EventId(mover.ids.new()),
        event_type=cells.text("event_type") or "",
        is_published=False,
        body=body.encode(),
        occurred_at=created_at,
    )
    delivered_at, next_at = cells.optional_at("delivered_at"), cells.optional_at("next_attempt_at")
    status = DeliveryStatus.DEAD if next_at is None else DeliveryStatus.QUEUED
    if delivered_at is not None:
        status, next_at = DeliveryStatus.DELIVERED, None
    delivery = Delivery(
        id=DeliveryId(cells.required("id")),
        endpoint_id=WebhookEndpointId(mover.needed(cells, "endpoint_id", "webhook_endpoints")),
        event_id=event.id,
        status=status,
        attempts=cells.number("attempt_count", high=ATTEMPTS_MAX),
        next_attempt_at=next_at,
        last_status_code=cells.optional_number("last_status_code", high=_STATUS_CODE_MAX),
        last_error=cells.text("last_error", chars_max=DELIVERY_ERROR_CHARS_MAX),
        delivered_at=delivered_at,
        created_at=created_at,
    )
    return event, delivery
