"""The use cases about subscribers, for ``test_every_command``."""

from typing import Final

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import DeliveryId, WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_delivery import DeliveryFilter
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.use_cases.webhooks import (
    create_endpoint,
    delete_endpoint,
    follow_events,
    list_deliveries,
    list_endpoints,
    ping_endpoint,
    replay_events,
    retry_delivery,
    rotate_secret,
    update_endpoint,
)
from tests.support.builders import make_endpoint, make_event
from tests.support.commands import Command, ports
from tests.support.trade import Trade


def endpoint_id(trade: Trade) -> WebhookEndpointId:
    endpoint = make_endpoint()
    with trade.store.writing() as tx:
        tx.webhooks.put_endpoint(endpoint)
    return endpoint.id


def delivery_id(trade: Trade) -> DeliveryId:
    endpoint_id(trade)
    with trade.store.writing() as tx:
        tx.trail.append_event(make_event())
        return tx.deliveries.list_deliveries(DeliveryFilter()).rows[0].delivery.id


WEBHOOK_COMMANDS: Final = [
    Command(
        create_endpoint.create_endpoint,
        Scope.WEBHOOKS_WRITE,
        lambda t: (
            [create_endpoint.CreateEndpoint(url="https://hooks.example")],
            ports(t) | {"entropy": SeededEntropy()},
        ),
    ),
    Command(
        update_endpoint.update_endpoint,
        Scope.WEBHOOKS_WRITE,
        lambda t: (
            [update_endpoint.UpdateEndpoint(endpoint_id=endpoint_id(t), description="D")],
            ports(t),
        ),
    ),
    Command(
        update_endpoint.set_endpoint_active,
        Scope.WEBHOOKS_WRITE,
        lambda t: ([endpoint_id(t)], ports(t) | {"active": False}),
    ),
    Command(
        delete_endpoint.delete_endpoint,
        Scope.WEBHOOKS_WRITE,
        lambda t: ([endpoint_id(t)], ports(t)),
    ),
    Command(
        retry_delivery.retry_delivery,
        Scope.WEBHOOKS_WRITE,
        lambda t: ([delivery_id(t)], ports(t)),
    ),
    Command(
        replay_events.replay_events,
        Scope.WEBHOOKS_WRITE,
        lambda t: (
            [replay_events.ReplayEvents(endpoint_id=endpoint_id(t), since=Instant(0))],
            ports(t),
        ),
    ),
    Command(
        rotate_secret.rotate_secret,
        Scope.WEBHOOKS_WRITE,
        lambda t: (
            [rotate_secret.RotateSecret(endpoint_id=endpoint_id(t))],
            ports(t) | {"entropy": SeededEntropy()},
        ),
    ),
    Command(
        ping_endpoint.ping_endpoint,
        Scope.WEBHOOKS_WRITE,
        lambda t: ([endpoint_id(t)], ports(t)),
    ),
]

WEBHOOK_READS: Final = [
    Command(list_endpoints.list_endpoints, Scope.WEBHOOKS_READ, lambda _: ([], {})),
    Command(list_endpoints.show_endpoint, Scope.WEBHOOKS_READ, lambda t: ([endpoint_id(t)], {})),
    Command(
        list_deliveries.list_deliveries, Scope.WEBHOOKS_READ, lambda _: ([DeliveryFilter()], {})
    ),
    Command(list_deliveries.show_delivery, Scope.WEBHOOKS_READ, lambda t: ([delivery_id(t)], {})),
    Command(follow_events.place_in_events, Scope.WEBHOOKS_READ, lambda _: ([None], {})),
    Command(follow_events.read_events, Scope.WEBHOOKS_READ, lambda _: ([0], {})),
]
