"""Read webhook endpoints."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import WebhookEndpointId
from keysat_core.domain.webhook_endpoint import WebhookEndpoint
from keysat_core.ports.store import Store


def list_endpoints(actor: Actor, *, store: Store) -> list[WebhookEndpoint]:
    """Give the endpoints, newest first.

    Raises:
        Forbidden: the actor lacks ``webhooks:read``.
    """
    authorize(actor, Scope.WEBHOOKS_READ)
    with store.reading() as tx:
        return tx.webhooks.list_endpoints()


def show_endpoint(actor: Actor, endpoint_id: WebhookEndpointId, *, store: Store) -> WebhookEndpoint:
    """Give one endpoint.

    Raises:
        Forbidden: the actor lacks ``webhooks:read``.
        NotFound: no such endpoint.
    """
    authorize(actor, Scope.WEBHOOKS_READ)
    with store.reading() as tx:
        return tx.webhooks.get_endpoint(endpoint_id)
