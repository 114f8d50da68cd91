"""The events of the shop, for programs that ask instead of being told by a webhook."""

from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.actor import Actor
from keysat_core.domain.instant import parse_rfc3339
from keysat_core.domain.webhook_endpoint import EVERY_EVENT, checked_event_types, wants
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.webhooks.follow_events import place_in_events, read_events
from keysat_http.routes import get
from keysat_http.views.event import EventList, event_list_view


@get("/v1/admin/events", tags=["webhooks"])
def list_events(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    after: FromQuery[int | None] = None,
    since: FromQuery[str] = "",
    event_types: FromQuery[str] = EVERY_EVENT,
) -> EventList:
    """Give events, oldest first, a bounded number of them: those behind ``after`` or from ``since`` on.

    With neither, none: the answer's ``after`` is then the place to follow from. Several event types
    are separated by commas.
    """
    wanted = checked_event_types(one.strip() for one in event_types.split(",") if one.strip())
    start = parse_rfc3339(since, field="since") if since else None
    sequence = place_in_events(actor, start, store=ports.store) if after is None else after
    rows = read_events(actor, max(sequence, 0), store=ports.store)
    reached = rows[-1].sequence if rows else sequence
    return event_list_view(
        [row for row in rows if wants(wanted, row.event.event_type)], after=reached
    )
