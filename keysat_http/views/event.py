"""Events as those read them who follow the outbox. Their bodies are those of webhooks."""

from collections.abc import Iterable

import msgspec

from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.webhook_delivery import OutboxRow


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``body`` is what a webhook carries: ``event_type``, ``timestamp`` and ``data``."""

    sequence: int
    id: str
    event_type: str
    occurred_at: str
    body: JSONValue


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    """Events, oldest first. Ask with ``after`` for those that follow."""

    events: list[Event]
    after: int


def event_list_view(rows: Iterable[OutboxRow], *, after: int) -> EventList:
    """Show events in the order given."""
    return EventList(events=[_event(row) for row in rows], after=after)


def _event(row: OutboxRow) -> Event:
    return Event(
        sequence=row.sequence,
        id=row.event.id,
        event_type=row.event.event_type,
        occurred_at=rfc3339(row.event.occurred_at),
        body=msgspec.json.decode(row.event.body),
    )
