"""Webhook endpoints, their deliveries, and the events there were. Source: admin-api 7, Webhooks."""

from typing import Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import Scope
from keysat_core.domain.events import PUBLISHED_EVENT_TYPES
from keysat_core.domain.ids import DeliveryId, WebhookEndpointId
from keysat_core.domain.webhook_delivery import DeliveryFilter, DeliveryStatus
from keysat_core.use_cases.webhooks.list_deliveries import list_deliveries, show_delivery
from keysat_core.use_cases.webhooks.list_endpoints import list_endpoints, show_endpoint
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS, Rows, offset_of

STATUS_WORDS: Final = {
    "failed": DeliveryStatus.DEAD,
    "pending": DeliveryStatus.QUEUED,
    "delivered": DeliveryStatus.DELIVERED,
    "all": None,
}
"""What operators call the states of deliveries; see ``DeliveryStatus``."""


@screen("/admin/webhooks", needs=Scope.WEBHOOKS_READ)
def show_webhooks(frame: NamedDependency[Frame]) -> Response[str]:
    """List who is told, and the deliveries that failed."""
    store = frame.ports.store
    state = frame.query.get("status", "failed")
    endpoint_id = frame.query.get("endpoint", "")
    offset = offset_of(frame.query)
    page = list_deliveries(
        frame.actor,
        DeliveryFilter(
            endpoint_id=WebhookEndpointId(endpoint_id) if endpoint_id else None,
            status=STATUS_WORDS.get(state, DeliveryStatus.DEAD),
            limit=SHOWN_ROWS,
            offset=offset,
        ),
        store=store,
    )
    endpoints = list_endpoints(frame.actor, store=store)
    return frame.page(
        "admin/webhooks.html",
        endpoints=endpoints,
        urls={endpoint.id: endpoint.url for endpoint in endpoints},
        event_types=sorted(PUBLISHED_EVENT_TYPES),
        listed=Rows(rows=page.rows, offset=offset, limit=SHOWN_ROWS, total=page.total),
        state=state,
        states=list(STATUS_WORDS),
    )


@screen("/admin/webhooks/{endpoint_id:str}", needs=Scope.WEBHOOKS_READ)
def show_webhook_screen(endpoint_id: FromPath[str], frame: NamedDependency[Frame]) -> Response[str]:
    """Show one endpoint and what can be changed of it."""
    endpoint = show_endpoint(frame.actor, WebhookEndpointId(endpoint_id), store=frame.ports.store)
    return frame.page(
        "admin/webhook.html", endpoint=endpoint, event_types=sorted(PUBLISHED_EVENT_TYPES)
    )


@screen("/admin/deliveries/{delivery_id:str}", needs=Scope.WEBHOOKS_READ)
def show_delivery_screen(
    delivery_id: FromPath[str], frame: NamedDependency[Frame]
) -> Response[str]:
    """Show one delivery with what it carries."""
    row = show_delivery(frame.actor, DeliveryId(delivery_id), store=frame.ports.store)
    return frame.page(
        "admin/delivery.html",
        row=row,
        delivery=row.delivery,
        payload=msgspec.json.format(row.body, indent=2).decode("utf-8"),
        is_delivered=row.delivery.status is DeliveryStatus.DELIVERED,
    )
