"""Events, subscribers and the rounds between them, in a store of their own and at a clock's mercy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.events import LicenseRevoked, OutboxEvent, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.webhook_delivery import Delivery, DeliveryFilter, DeliveryRow
from keysat_core.domain.webhook_endpoint import WebhookEndpoint
from keysat_core.ports.bundle import Ports
from keysat_core.ports.sender import WebhookSender
from keysat_core.ports.store import Store
from keysat_core.testing.clock import FixedClock
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.ids import SeededIds
from keysat_core.use_cases.webhooks.create_endpoint import CreateEndpoint, create_endpoint
from keysat_core.use_cases.webhooks.delete_endpoint import delete_endpoint
from keysat_core.use_cases.webhooks.ping_endpoint import ping_endpoint
from keysat_core.use_cases.webhooks.replay_events import Replayed, ReplayEvents, replay_events
from keysat_core.use_cases.webhooks.retry_delivery import retry_delivery
from keysat_core.use_cases.webhooks.rotate_secret import RotateSecret, rotate_secret
from keysat_core.use_cases.webhooks.update_endpoint import (
    UpdateEndpoint,
    set_endpoint_active,
    update_endpoint,
)
from keysat_http.delivering import DeliveryRounds, here
from keysat_http.leasing import Work
from keysat_http.rounds import one_by_one
from tests.support.http import ListedValidations, OneKey, ports_over
from tests.support.subscriber import ScriptedSubscribers
from tests.support.trade import OPERATOR


@dataclass(kw_only=True)
class Mailroom:
    ports: Ports
    clock: FixedClock
    subscribers: ScriptedSubscribers

    @property
    def store(self) -> Store:
        return self.ports.store

    @property
    def given(self) -> dict[str, Any]:
        return {"store": self.store, "clock": self.clock, "ids": self.ports.ids}

    def subscribe(self, url: str = "https://hooks.example/a", **fields: Any) -> WebhookEndpoint:
        command = CreateEndpoint(url=url, **fields)
        return create_endpoint(OPERATOR, command, **self.given, entropy=self.ports.entropy)

    def switch(self, endpoint: WebhookEndpoint, *, active: bool) -> WebhookEndpoint:
        return set_endpoint_active(OPERATOR, endpoint.id, active=active, **self.given)

    def update(self, endpoint: WebhookEndpoint, **fields: Any) -> WebhookEndpoint:
        command = UpdateEndpoint(endpoint_id=endpoint.id, **fields)
        return update_endpoint(OPERATOR, command, **self.given)

    def rotate(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        command = RotateSecret(endpoint_id=endpoint.id)
        return rotate_secret(OPERATOR, command, **self.given, entropy=self.ports.entropy)

    def ping(self, endpoint: WebhookEndpoint) -> DeliveryRow:
        return ping_endpoint(OPERATOR, endpoint.id, **self.given)

    def delete(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        return delete_endpoint(OPERATOR, endpoint.id, **self.given)

    def retry(self, delivery: Delivery) -> DeliveryRow:
        return retry_delivery(OPERATOR, delivery.id, **self.given)

    def replay(self, endpoint: WebhookEndpoint, **fields: Any) -> Replayed:
        command = ReplayEvents(endpoint_id=endpoint.id, **fields)
        return replay_events(OPERATOR, command, **self.given)

    def happen(self, reason: str = "") -> OutboxEvent:
        """Commit an event."""
        event = outbox_event(
            LicenseRevoked(license_id=self.ports.ids.new(), reason=reason),
            event_id=EventId(self.ports.ids.new()),
            now=self.clock.now(),
        )
        with self.store.writing() as tx:
            tx.trail.append_event(event)
        return event

    def work(self) -> Work:
        """One round, here and now."""
        return DeliveryRounds(self.ports, spawn=here, fan_out=one_by_one).run()

    def rows(self, **fields: Any) -> list[DeliveryRow]:
        with self.store.reading() as tx:
            return list(tx.deliveries.list_deliveries(DeliveryFilter(limit=500, **fields)).rows)

    def deliveries(self, **fields: Any) -> list[Delivery]:
        return [row.delivery for row in self.rows(**fields)]


@contextmanager
def open_mailroom(
    *, store: SQLiteStore | None = None, sender: WebhookSender | None = None
) -> Iterator[Mailroom]:
    clock = FixedClock()
    subscribers = ScriptedSubscribers()
    with store or SQLiteStore.open() as opened:
        ports = ports_over(opened, clock=clock, keys=OneKey(), validations=ListedValidations())
        ports = replace(
            ports,
            webhooks=sender or subscribers,
            ids=SeededIds("mailroom"),
            entropy=SeededEntropy("mailroom"),
        )
        yield Mailroom(ports=ports, clock=clock, subscribers=subscribers)
