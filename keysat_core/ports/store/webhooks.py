"""Part of the store: who is told of events, what is on its way to them, and the events themselves."""

from collections.abc import Sequence
from typing import Protocol

from keysat_core.domain.ids import DeliveryId, WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_delivery import (
    Delivery,
    DeliveryCounts,
    DeliveryFilter,
    DeliveryPage,
    DeliveryRow,
    OutboxRow,
)
from keysat_core.domain.webhook_endpoint import WebhookEndpoint


class WebhookEndpoints(Protocol):
    """Webhook endpoints. A deleted one is found and counts no more, but its row stays."""

    def get_endpoint(self, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """Give an endpoint that is not deleted."""
        ...

    def find_endpoint(self, endpoint_id: WebhookEndpointId) -> WebhookEndpoint | None:
        """Give an endpoint, also one that is deleted."""
        ...

    def list_endpoints(self) -> list[WebhookEndpoint]:
        """Those that are not deleted, newest first, at most ``WEBHOOK_ENDPOINTS_MAX``."""
        ...

    def count_endpoints(self) -> int: ...
    def put_endpoint(self, endpoint: WebhookEndpoint) -> None: ...
    def forget_secrets(self, now: Instant, latest: Instant) -> int:
        """Forget the previous secrets whose time is over by ``now``, or would be after ``latest``.

        Gives how many there were.
        """
        ...


class Deliveries(Protocol):
    """Deliveries. Those of new events come with ``Trail.append_event``; their order stays."""

    def find_delivery(self, delivery_id: DeliveryId) -> DeliveryRow | None: ...
    def find_deliveries(self, delivery_ids: Sequence[DeliveryId]) -> list[Delivery]:
        """Give those there are, in any order."""
        ...

    def list_deliveries(self, criteria: DeliveryFilter) -> DeliveryPage:
        """One page, newest first; ``total`` counts all that match."""
        ...

    def put_deliveries(self, deliveries: Sequence[Delivery]) -> None: ...
    def list_due(
        self, endpoint_id: WebhookEndpointId, now: Instant, limit: int
    ) -> list[DeliveryRow]:
        """Give queued deliveries of an endpoint that are due, longest due first, then the newest.

        Those made within ``DELIVERY_ORDER_SECONDS`` come last, in the order they were made in, and only up to
        the first of them that is not due: it is on its way or waits for a retry (B-35).
        Due is also what would not be for longer than any wait lasts: a wrong clock wrote it.
        """
        ...

    def list_due_endpoints(self, now: Instant) -> list[WebhookEndpointId]:
        """Endpoints for which ``list_due`` gives anything, deleted ones too, longest due first."""
        ...

    def purge_deliveries(self, before: Instant, limit: int, *, ahead: Instant) -> int:
        """Remove what was made before an instant, or after another, and is delivered or dead.

        Looks at no more than the first ``limit`` of each; gives how many went.
        """
        ...

    def list_queued(self, endpoint_id: WebhookEndpointId, limit: int) -> list[Delivery]:
        """Give queued deliveries of an endpoint, due or not, longest due first."""
        ...

    def count_by_endpoint(self, since: Instant) -> list[DeliveryCounts]:
        """Count what is queued, and what died of the deliveries made after an instant."""
        ...


class Outbox(Protocol):
    """The outbox as those read it who follow it. Sequences grow in the order of commits."""

    def last_sequence(self) -> int:
        """Give that of the newest event; 0 if there is none."""
        ...

    def sequence_before(self, since: Instant) -> int:
        """Give that of the newest event before an instant; 0 if there is none."""
        ...

    def list_after(self, sequence: int, limit: int) -> list[OutboxRow]:
        """Give published events behind a sequence, oldest first."""
        ...

    def list_unqueued(
        self, endpoint_id: WebhookEndpointId, since: Instant, until: Instant, limit: int
    ) -> list[OutboxRow]:
        """Give published events of a time, both ends included, oldest first.

        Without those that have a queued delivery to the endpoint already.
        """
        ...
