"""Deliveries as rows. Their bodies are the outbox's."""

from collections.abc import Sequence
from typing import Final

from keysat_adapters.sqlite.list_query import Bound, ListQuery, kept_total
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.ids import DeliveryId, WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.listing import Total
from keysat_core.domain.webhook_delivery import (
    WAIT_SECONDS_MAX,
    Delivery,
    DeliveryCounts,
    DeliveryFilter,
    DeliveryPage,
    DeliveryRow,
    DeliveryStatus,
)
from keysat_core.limits import DELIVERY_ORDER_SECONDS

DELIVERIES: Final = Table(
    "webhook_deliveries",
    (
        "id",
        "endpoint_id",
        "event_id",
        "status",
        "attempts",
        "next_attempt_at",
        "last_status_code",
        "last_error",
        "delivered_at",
        "created_at",
    ),
)
_WHOLE: Final = ("outbox.event_type", "outbox.body")
_JOINED: Final = "JOIN outbox ON outbox.id = webhook_deliveries.event_id"
_PUT: Final = DELIVERIES.upsert()
_BY_ID: Final = DELIVERIES.select(f"{_JOINED} WHERE webhook_deliveries.id = ?", also=_WHOLE)
_BY_IDS: Final = DELIVERIES.select("WHERE id IN (SELECT value FROM json_each(?))")
_OF_ENDPOINT: Final = "webhook_deliveries.endpoint_id = :endpoint_id AND status = 'queued'"
# What was made within a minute goes in the order it was made in, behind whatever of that minute is on
# its way or waits for a retry. One of a clock that was ahead then, or is behind now, is not of it.
_FRESH: Final = f"created_at > :now - {DELIVERY_ORDER_SECONDS} AND created_at <= :now"
_OLD: Final = f"(created_at <= :now - {DELIVERY_ORDER_SECONDS} OR created_at > :now)"
_HELD_FROM: Final = (
    "coalesce((SELECT min(sequence) FROM webhook_deliveries"  # noqa: S608  constants
    " WHERE endpoint_id = {endpoint} AND status = 'queued'"
    f" AND {_FRESH} AND next_attempt_at > :now AND next_attempt_at <= :now + {WAIT_SECONDS_MAX}),"
    " 9223372036854775807)"
)
_DUE: Final = DELIVERIES.select(
    f"{_JOINED} WHERE {_OF_ENDPOINT} AND next_attempt_at <= :now AND {_OLD}"
    " ORDER BY next_attempt_at, webhook_deliveries.sequence LIMIT :limit",
    also=_WHOLE,
)
_DUE_FRESH: Final = DELIVERIES.select(
    f"{_JOINED} WHERE {_OF_ENDPOINT} AND next_attempt_at <= :now AND {_FRESH}"
    f" AND webhook_deliveries.sequence < {_HELD_FROM.format(endpoint=':endpoint_id')}"
    " ORDER BY webhook_deliveries.sequence LIMIT :limit",
    also=_WHOLE,
)
# A time that lies further ahead than any wait was written by a clock that has been set back since.
_STRAYED: Final = DELIVERIES.select(
    f"{_JOINED} WHERE {_OF_ENDPOINT} AND next_attempt_at > :now + {WAIT_SECONDS_MAX}"
    " ORDER BY next_attempt_at LIMIT :limit",
    also=_WHOLE,
)
_QUEUED: Final = DELIVERIES.select(
    f"WHERE {_OF_ENDPOINT} ORDER BY next_attempt_at, sequence LIMIT :limit"
)
_AT_OF: Final = "(SELECT next_attempt_at FROM webhook_deliveries"
_QUEUED_OF: Final = "WHERE endpoint_id = e.id AND status = 'queued'"
# Each part reads few rows of a long queue: what is too old for its order by its age, the rest by the
# order itself, of which all that is held back lies behind the first that is on its way. Without the
# materialized part that first one would be looked for again for every row.
_DUE_ENDPOINTS: Final = (
    "WITH e AS MATERIALIZED (SELECT e.id,"  # noqa: S608  constants
    f" {_HELD_FROM.format(endpoint='e.id')} AS held_from,"
    f" (SELECT min(next_attempt_at) FROM webhook_deliveries {_QUEUED_OF}) AS first_at,"
    f" (SELECT max(next_attempt_at) FROM webhook_deliveries {_QUEUED_OF}) AS last_at"
    " FROM webhook_endpoints AS e), due AS (SELECT e.id, e.first_at, e.last_at, coalesce("
    f"{_AT_OF} INDEXED BY webhook_deliveries_fresh {_QUEUED_OF}"
    f" AND created_at <= :now - {DELIVERY_ORDER_SECONDS} AND next_attempt_at <= :now LIMIT 1),"
    f" {_AT_OF} INDEXED BY webhook_deliveries_fresh {_QUEUED_OF}"
    " AND created_at > :now AND next_attempt_at <= :now LIMIT 1),"
    f" {_AT_OF} INDEXED BY webhook_deliveries_of_endpoint {_QUEUED_OF} AND sequence < e.held_from"
    f" AND next_attempt_at <= :now AND {_FRESH} ORDER BY sequence LIMIT 1)) AS due_at FROM e)"
    " SELECT id, first_at FROM due"
    f" WHERE due_at IS NOT NULL OR last_at > :now + {WAIT_SECONDS_MAX} ORDER BY first_at, id"
)
# Sequences grow with the time of making, so within a status only the first need to be looked at.
# Those ahead of the clock were made while it was wrong, and would hide the ones behind them.
_PURGE: Final = (
    "DELETE FROM webhook_deliveries WHERE (created_at < :before OR created_at > :ahead)"
    " AND sequence IN ("
    "SELECT sequence FROM webhook_deliveries WHERE status = :status ORDER BY sequence LIMIT :limit)"
)
_COUNTS: Final = (
    "SELECT e.id, coalesce((SELECT row_count FROM row_counts WHERE counted = 'webhook_deliveries'"
    " AND first_key = e.id AND second_key = 'queued' AND third_key = ''), 0),"
    " (SELECT count(*) FROM webhook_deliveries AS d"
    " WHERE d.endpoint_id = e.id AND d.status = 'dead' AND d.created_at > ?)"
    " FROM webhook_endpoints AS e WHERE e.deleted_at IS NULL ORDER BY e.created_at, e.id"
)


def delivery_cells(delivery: Delivery) -> Row:
    """Spell a delivery as a row."""
    return (
        delivery.id,
        delivery.endpoint_id,
        delivery.event_id,
        delivery.status,
        delivery.attempts,
        delivery.next_attempt_at,
        delivery.last_status_code,
        delivery.last_error,
        delivery.delivered_at,
        delivery.created_at,
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row[0],
        endpoint_id=row[1],
        event_id=row[2],
        status=DeliveryStatus(row[3]),
        attempts=row[4],
        next_attempt_at=row[5],
        last_status_code=row[6],
        last_error=row[7],
        delivered_at=row[8],
        created_at=row[9],
    )


def _whole(row: Row) -> DeliveryRow:
    return DeliveryRow(delivery=_delivery(row), event_type=row[10], body=row[11].encode())


def list_statement(
    criteria: DeliveryFilter, total: Total | None = None
) -> tuple[str, tuple[Bound, ...]]:
    """Spell the query for a page of deliveries, and its values."""
    query = ListQuery(table=DELIVERIES.name, order=("sequence",))
    # An index by status follows that of the endpoint, so neither is kept from it by a plus.
    query = query.where("endpoint_id = ?", criteria.endpoint_id)
    query = query.where("status = ?", criteria.status)
    return query.page(
        DELIVERIES,
        _JOINED,
        also=_WHOLE,
        limit=criteria.limit,
        offset=criteria.offset,
        total=total,
    )


class SQLiteDeliveries:
    """Implements ``ports.store.Deliveries``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_delivery(self, delivery_id: DeliveryId) -> DeliveryRow | None:
        """Give a delivery with what it carries, or None."""
        return DELIVERIES.found(_whole, self._session.row(_BY_ID, (delivery_id,)))

    def find_deliveries(self, delivery_ids: Sequence[DeliveryId]) -> list[Delivery]:
        """Give the deliveries there are of those named."""
        rows = self._session.rows(_BY_IDS, (json_text(delivery_ids),))
        return DELIVERIES.values(_delivery, rows)

    def list_deliveries(self, criteria: DeliveryFilter) -> DeliveryPage:
        """Give one page, newest first, and the number of all that match."""
        keys = (criteria.endpoint_id, criteria.status)
        total = kept_total(self._session, DELIVERIES.name, keys)
        rows = self._session.rows(*list_statement(criteria, total))
        return DeliveryPage(
            rows=tuple(DELIVERIES.values(_whole, rows)),
            total=total.number,
        )

    def put_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert or replace deliveries."""
        self._session.run_many(_PUT, map(delivery_cells, deliveries))

    def list_due(
        self, endpoint_id: WebhookEndpointId, now: Instant, limit: int
    ) -> list[DeliveryRow]:
        """Give an endpoint's queued deliveries that are due, those of the last minute in their order."""
        values: dict[str, int | str] = {"endpoint_id": endpoint_id, "now": now}
        rows = self._session.rows(_DUE, values | {"limit": max(0, limit)})
        if len(rows) < limit:
            rows += self._session.rows(_DUE_FRESH, values | {"limit": limit - len(rows)})
        if len(rows) < limit:
            rows += self._session.rows(_STRAYED, values | {"limit": limit - len(rows)})
        return DELIVERIES.values(_whole, rows)

    def list_due_endpoints(self, now: Instant) -> list[WebhookEndpointId]:
        """Give endpoints with anything due, longest due first."""
        rows = self._session.rows(_DUE_ENDPOINTS, {"now": now})
        return [WebhookEndpointId(row[0]) for row in rows]

    def purge_deliveries(self, before: Instant, limit: int, *, ahead: Instant) -> int:
        """Remove finished deliveries that are old, or of a clock that was ahead."""
        values: dict[str, int | str] = {"before": before, "ahead": ahead, "limit": max(0, limit)}
        return sum(
            self._session.run(_PURGE, values | {"status": status})
            for status in (DeliveryStatus.DELIVERED, DeliveryStatus.DEAD)
        )

    def list_queued(self, endpoint_id: WebhookEndpointId, limit: int) -> list[Delivery]:
        """Give an endpoint's queued deliveries, longest due first."""
        values: dict[str, int | str] = {"endpoint_id": endpoint_id, "limit": max(0, limit)}
        return DELIVERIES.values(_delivery, self._session.rows(_QUEUED, values))

    def count_by_endpoint(self, since: Instant) -> list[DeliveryCounts]:
        """Count what is queued and what died lately, by endpoint."""
        return [
            DeliveryCounts(endpoint_id=row[0], queued=row[1], dead=row[2])
            for row in self._session.rows(_COUNTS, (since,))
        ]
