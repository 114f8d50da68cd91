"""The webhook endpoints."""

from typing import Any
from urllib.parse import urlsplit

from tests.simulators.btcpay import bodies
from tests.simulators.btcpay.accounts import MODIFY_WEBHOOKS
from tests.simulators.btcpay.modes import Traits
from tests.simulators.btcpay.problems import invalid, problem, webhook_not_found
from tests.simulators.btcpay.routing import Handler, Route, Visit
from tests.simulators.btcpay.webhooks import Delivery, Webhook
from tests.simulators.exchange import JSON_HEADERS, Response, json_response


def _wire(webhook: Webhook, *, with_secret: bool = False) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "enabled": webhook.is_enabled,
        "automaticRedelivery": webhook.automatic_redelivery,
        "url": webhook.url,
        "authorizedEvents": {
            "everything": webhook.everything,
            "specificEvents": list(webhook.specific_events),
        },
        "secret": webhook.secret if with_secret else None,
    }


def _webhook(visit: Visit) -> Webhook:
    webhook = visit.world.webhooks.get(visit.names["webhookId"])
    if webhook is None or webhook.store_id != visit.store_id:
        raise webhook_not_found()
    return webhook


def _delivery(visit: Visit) -> Delivery:
    delivery = _webhook(visit).log.get(visit.names["deliveryId"])
    if delivery is None or delivery.status is None:
        raise problem(404, "webhookdelivery-not-found", "The webhook delivery was not found")
    return delivery


def _unpruned(visit: Visit) -> Delivery:
    delivery = _delivery(visit)
    if delivery.is_pruned(visit.world.now()):
        message = "This webhook delivery has been pruned, so it can't be redelivered"
        raise problem(409, "webhookdelivery-pruned", message)
    return delivery


def _apply(webhook: Webhook, fields: bodies.Fields) -> None:
    """Set what a request says; events that are left out mean everything."""
    url = bodies.text(fields, "url")
    if not urlsplit(url).scheme:
        raise invalid("Url", "Invalid Url")
    events = bodies.mapping(fields, "authorizedEvents")
    specific = tuple(bodies.texts(events, "specificEvents") or ())
    everything = bodies.flag(events, "everything", default=True)
    secret = bodies.text(fields, "secret", webhook.secret)
    is_enabled = bodies.flag(fields, "enabled", default=True)
    webhook.automatic_redelivery = bodies.flag(fields, "automaticRedelivery", default=True)
    webhook.url, webhook.secret, webhook.is_enabled = url, secret, is_enabled
    webhook.everything, webhook.specific_events = everything, specific


def create_webhook(visit: Visit) -> Response:
    world = visit.world
    webhook = Webhook(
        id=world.ids.short(), store_id=visit.store_id, url="", secret=world.ids.short()
    )
    _apply(webhook, bodies.fields_of(visit.request))
    world.add_webhook(webhook)
    return json_response(200, _wire(webhook, with_secret=True))


def list_webhooks(visit: Visit) -> Response:
    found = visit.world.webhooks_by_store.get(visit.store_id, ())
    return json_response(200, [_wire(webhook) for webhook in found])


def get_webhook(visit: Visit) -> Response:
    return json_response(200, _wire(_webhook(visit)))


def update_webhook(visit: Visit) -> Response:
    webhook = _webhook(visit)
    _apply(webhook, bodies.fields_of(visit.request))
    return json_response(200, _wire(webhook))


def delete_webhook(visit: Visit) -> Response:
    visit.world.delete_webhook(_webhook(visit))
    return Response(status=200)


def _delivery_wire(delivery: Delivery, traits: Traits) -> dict[str, Any]:
    sent_at = {"deliveryTime": delivery.sent_at} if traits.has_delivery_time else {}
    return {
        "id": delivery.id,
        "timestamp": delivery.made_at,
        **sent_at,
        "httpCode": delivery.http_code,
        "errorMessage": delivery.error,
        "status": delivery.status,
    }


def list_deliveries(visit: Visit) -> Response:
    """List newest first those that were sent."""
    log = [delivery for delivery in _webhook(visit).log.values() if delivery.status is not None]
    count = visit.request.value("count")
    if count and not count.isdecimal():
        raise invalid("count", f"The value '{count}' is not valid.")
    newest = log[::-1][: int(count) if count else None]
    return json_response(200, [_delivery_wire(delivery, visit.world.traits) for delivery in newest])


def get_delivery(visit: Visit) -> Response:
    return json_response(200, _delivery_wire(_delivery(visit), visit.world.traits))


def get_delivery_request(visit: Visit) -> Response:
    """Give the raw body as it was sent."""
    return Response(status=200, headers=JSON_HEADERS, body=_unpruned(visit).body)


def redeliver(visit: Visit) -> Response:
    delivery = _unpruned(visit)
    again = visit.world.deliveries.redeliver(_webhook(visit), delivery)
    return json_response(200, again.id)


WEBHOOKS = "/api/v1/stores/{storeId}/webhooks"
WEBHOOK = WEBHOOKS + "/{webhookId}"
DELIVERY = WEBHOOK + "/deliveries/{deliveryId}"
_TABLE: list[tuple[str, str, Handler]] = [
    ("GET", WEBHOOKS, list_webhooks),
    ("POST", WEBHOOKS, create_webhook),
    ("GET", WEBHOOK, get_webhook),
    ("PUT", WEBHOOK, update_webhook),
    ("DELETE", WEBHOOK, delete_webhook),
    ("GET", WEBHOOK + "/deliveries", list_deliveries),
    ("GET", DELIVERY, get_delivery),
    ("GET", DELIVERY + "/request", get_delivery_request),
    ("POST", DELIVERY + "/redeliver", redeliver),
]
ROUTES = [
    Route(
        operation=handler.__name__,
        method=method,
        path=path,
        handler=handler,
        permission=MODIFY_WEBHOOKS,
    )
    for method, path, handler in _TABLE
]
