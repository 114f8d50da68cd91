"""Events about subscribers to events: never delivered to them."""

from keysat_core.domain.events.event import Event


class WebhookEndpointCreated(Event, frozen=True, kw_only=True):
    """An operator added an endpoint that is told of events."""

    event_type = "webhook_endpoint.created"
    is_published = False
    webhook_endpoint_id: str
    event_types: tuple[str, ...]


class WebhookEndpointUpdated(Event, frozen=True, kw_only=True):
    """An operator changed an endpoint, or had nothing sent to it for a while."""

    event_type = "webhook_endpoint.updated"
    is_published = False
    webhook_endpoint_id: str
    fields: tuple[str, ...]


class WebhookTest(Event, frozen=True, kw_only=True):
    """An operator wanted to see an event arrive: it goes to this one endpoint, and says nothing else."""

    event_type = "webhook.test"
    is_published = False
    webhook_endpoint_id: str


class WebhookEndpointDeleted(Event, frozen=True, kw_only=True):
    """An operator deleted an endpoint; the deliveries it still waited for are dead."""

    event_type = "webhook_endpoint.deleted"
    is_published = False
    webhook_endpoint_id: str
    dead_deliveries: int


class WebhookDeliveryRetried(Event, frozen=True, kw_only=True):
    """An operator has a delivery sent again."""

    event_type = "webhook_delivery.retried"
    is_published = False
    webhook_delivery_id: str
    webhook_endpoint_id: str


class WebhookEventsReplayed(Event, frozen=True, kw_only=True):
    """An operator has the events of a time sent to an endpoint again."""

    event_type = "webhook_endpoint.replayed"
    is_published = False
    webhook_endpoint_id: str
    queued_deliveries: int
