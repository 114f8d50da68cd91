"""Outbox rows, for those who follow the events. They are appended by ``sqlite.trail``."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_delivery import OutboxRow

OUTBOX: Final = Table("outbox", ("id", "event_type", "is_published", "body", "occurred_at"))

_LAST: Final = "SELECT max(sequence) FROM outbox"
# Clocks are set back, so the newest sequence need not have the newest time.
_BEFORE: Final = (
    "SELECT coalesce(min(sequence) - 1, (SELECT max(sequence) FROM outbox)) FROM outbox"
    " WHERE is_published = 1 AND occurred_at >= ?"
)
_AFTER: Final = OUTBOX.select(
    "WHERE sequence > ? AND is_published = 1 ORDER BY sequence LIMIT ?", also=("outbox.sequence",)
)
_UNQUEUED: Final = OUTBOX.select(
    "WHERE is_published = 1 AND occurred_at BETWEEN :since AND :until AND NOT EXISTS"
    " (SELECT 1 FROM webhook_deliveries AS d WHERE d.event_id = outbox.id"
    " AND d.endpoint_id = :endpoint_id AND d.status = 'queued')"
    " ORDER BY occurred_at, sequence LIMIT :limit",
    also=("outbox.sequence",),
)


def event_cells(event: OutboxEvent) -> Row:
    """Spell an event as a row."""
    return (
        event.id,
        event.event_type,
        event.is_published,
        event.body.decode(),
        event.occurred_at,
    )


def event_of(row: Row) -> OutboxEvent:
    """Read an event back."""
    return OutboxEvent(
        id=row[0],
        event_type=row[1],
        is_published=bool(row[2]),
        body=row[3].encode(),
        occurred_at=row[4],
    )


def _outbox_row(row: Row) -> OutboxRow:
    return OutboxRow(sequence=row[5], event=event_of(row))


class SQLiteOutbox:
    """Implements ``ports.store.Outbox``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def last_sequence(self) -> int:
        """Give the newest event's sequence, 0 without one."""
        return self._session.number(_LAST)

    def sequence_before(self, since: Instant) -> int:
        """Give the sequence behind which everything from an instant on is."""
        return self._session.number(_BEFORE, (since,))

    def list_after(self, sequence: int, limit: int) -> list[OutboxRow]:
        """Give published events behind a sequence, oldest first."""
        rows = self._session.rows(_AFTER, (sequence, max(0, limit)))
        return OUTBOX.values(_outbox_row, rows)

    def list_unqueued(
        self, endpoint_id: WebhookEndpointId, since: Instant, until: Instant, limit: int
    ) -> list[OutboxRow]:
        """Give published events of a time that are not queued for an endpoint, oldest first."""
        values: dict[str, int | str] = {
            "endpoint_id": endpoint_id,
            "since": since,
            "until": until,
            "limit": max(0, limit),
        }
        return OUTBOX.values(_outbox_row, self._session.rows(_UNQUEUED, values))
