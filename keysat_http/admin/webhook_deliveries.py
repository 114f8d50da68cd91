"""What became of deliveries, and sending one again. Source: admin-api 2.8, B-46."""

from typing import Final, Literal

from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import DeliveryId, WebhookEndpointId
from keysat_core.domain.webhook_delivery import DeliveryFilter, DeliveryStatus
from keysat_core.errors import NotFound
from keysat_core.limits import DELIVERIES_PAGE_MAX, PAGE_DEFAULT
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.webhooks import list_deliveries as deliveries
from keysat_core.use_cases.webhooks import retry_delivery as retrying
from keysat_http.admin.paging import clamp_limit, clamp_offset
from keysat_http.routes import get, post
from keysat_http.views.webhook import (
    STATUS_NAMES,
    WebhookDelivery,
    WebhookDeliveryList,
    delivery_list_view,
    delivery_view,
)

_DELIVERIES: Final = "/v1/admin/webhook-deliveries"
_DELIVERY: Final = _DELIVERIES + "/{delivery_id:str}"
_TAGS: Final = ("webhooks",)

_STATUSES: Final = {name: status for status, name in STATUS_NAMES.items()}


@get(_DELIVERIES, tags=_TAGS)
def list_webhook_deliveries(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    endpoint_id: FromQuery[str] = "",
    status: FromQuery[Literal["pending", "delivered", "failed", "all"]] = "all",
    limit: FromQuery[int] = PAGE_DEFAULT,
    offset: FromQuery[int] = 0,
) -> WebhookDeliveryList:
    """List deliveries, newest first, those of deleted endpoints too; every filter given must match."""
    criteria = DeliveryFilter(
        endpoint_id=WebhookEndpointId(endpoint_id) if endpoint_id else None,
        status=_status(status),
        limit=clamp_limit(limit, DELIVERIES_PAGE_MAX),
        offset=clamp_offset(offset),
    )
    return delivery_list_view(deliveries.list_deliveries(actor, criteria, store=ports.store))


@get(_DELIVERY, raises=[NotFound], tags=_TAGS)
def get_webhook_delivery(
    delivery_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> WebhookDelivery:
    """Show one delivery with what it carries."""
    return delivery_view(
        deliveries.show_delivery(actor, DeliveryId(delivery_id), store=ports.store)
    )


@post(_DELIVERY + "/retry", raises=[NotFound], tags=_TAGS)
def retry_webhook_delivery(
    delivery_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> WebhookDelivery:
    """Send a delivery again, whatever became of it: the same id and body, from the first attempt on."""
    row = retrying.retry_delivery(
        actor,
        DeliveryId(delivery_id),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return delivery_view(row)


def _status(word: str) -> DeliveryStatus | None:
    return _STATUSES.get(word)
