"""Webhook endpoints as rows."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.ids import WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_endpoint import Listener, WebhookEndpoint
from keysat_core.errors import NotFound
from keysat_core.limits import WEBHOOK_ENDPOINTS_MAX

ENDPOINTS: Final = Table(
    "webhook_endpoints",
    (
        "id",
        "url",
        "secret",
        "event_types",
        "active",
        "description",
        "created_at",
        "updated_at",
        "deleted_at",
        "previous_secret",
        "previous_secret_until",
    ),
)
_PUT: Final = ENDPOINTS.upsert()
_BY_ID: Final = ENDPOINTS.select("WHERE id = ?")
_LIVE: Final = ENDPOINTS.select(
    f"WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT {WEBHOOK_ENDPOINTS_MAX}"
)
_COUNT: Final = "SELECT count(*) FROM webhook_endpoints WHERE deleted_at IS NULL"
_LISTENERS: Final = (
    "SELECT id, event_types FROM webhook_endpoints"
    " WHERE deleted_at IS NULL AND active = 1 ORDER BY created_at, id"
)
_FORGET: Final = (
    "UPDATE webhook_endpoints SET previous_secret = NULL, previous_secret_until = NULL"
    " WHERE previous_secret_until <= ? OR previous_secret_until > ?"
)
_names: Final = msgspec.json.Decoder(tuple[str, ...])


def _endpoint(row: Row) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=row[0],
        url=row[1],
        secret=Secret(row[2]),
        event_types=_names.decode(row[3]),
        active=bool(row[4]),
        description=row[5],
        created_at=row[6],
        updated_at=row[7],
        deleted_at=row[8],
        previous_secret=None if row[9] is None else Secret(row[9]),
        previous_secret_until=row[10],
    )


def _listener(row: Row) -> Listener:
    return Listener(endpoint_id=row[0], event_types=_names.decode(row[1]))


def live_listeners(session: Session) -> list[Listener]:
    """Give what decides which active endpoints are told of an event."""
    rows = session.rows(_LISTENERS)
    return ENDPOINTS.values(_listener, rows) if rows else []


class SQLiteWebhookEndpoints:
    """Implements ``ports.store.WebhookEndpoints``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_endpoint(self, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """Give an endpoint that is not deleted."""
        endpoint = self.find_endpoint(endpoint_id)
        if endpoint is None or endpoint.deleted_at is not None:
            raise NotFound("webhook endpoint", endpoint_id)
        return endpoint

    def find_endpoint(self, endpoint_id: WebhookEndpointId) -> WebhookEndpoint | None:
        """Give an endpoint or None."""
        return ENDPOINTS.found(_endpoint, self._session.row(_BY_ID, (endpoint_id,)))

    def list_endpoints(self) -> list[WebhookEndpoint]:
        """Give the endpoints that are not deleted, newest first."""
        return ENDPOINTS.values(_endpoint, self._session.rows(_LIVE))

    def count_endpoints(self) -> int:
        """Count the endpoints that are not deleted."""
        return self._session.number(_COUNT)

    def put_endpoint(self, endpoint: WebhookEndpoint) -> None:
        """Insert or replace an endpoint."""
        self._session.run(
            _PUT,
            (
                endpoint.id,
                endpoint.url,
                endpoint.secret.reveal(),
                json_text(endpoint.event_types),
                endpoint.active,
                endpoint.description,
                endpoint.created_at,
                endpoint.updated_at,
                endpoint.deleted_at,
                endpoint.previous_secret.reveal() if endpoint.previous_secret else None,
                endpoint.previous_secret_until,
            ),
        )

    def forget_secrets(self, now: Instant, latest: Instant) -> int:
        """Forget the previous secrets whose time is over."""
        return self._session.run(_FORGET, (now, latest))
