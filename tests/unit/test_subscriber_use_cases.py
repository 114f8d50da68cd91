"""Subscribers, replays and counts, at the edges the routes do not reach."""

from collections.abc import Iterator

import pytest

from keysat_core.domain.events import LicenseRevoked, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.webhook_delivery import DeliveryCounts
from keysat_core.domain.work_diagnosis import judge_webhooks
from keysat_core.errors import InvariantError
from keysat_core.limits import DELIVERIES_WAITING_MAX, EVENT_TYPES_MAX, REPLAY_MAX
from keysat_core.use_cases.webhooks.list_deliveries import count_deliveries
from tests.support.mailroom import Mailroom, open_mailroom
from tests.support.subscriber import DOWN


@pytest.fixture
def room() -> Iterator[Mailroom]:
    with open_mailroom() as room:
        yield room


def happen_often(room: Mailroom, count: int) -> None:
    event = LicenseRevoked(license_id="l", reason="")
    now = room.clock.now()
    with room.store.writing() as tx:
        tx.trail.append_events(
            [
                outbox_event(event, event_id=EventId(room.ports.ids.new()), now=now)
                for _ in range(count)
            ]
        )


def test_a_replay_of_too_many_events_queues_none(room: Mailroom) -> None:
    happen_often(room, REPLAY_MAX)
    endpoint = room.subscribe()
    since = room.clock.now()
    room.clock.advance(1)
    happen_often(room, 1)
    room.work()
    with pytest.raises(InvariantError, match="in parts"):
        room.replay(endpoint, since=since)
    assert room.replay(endpoint, since=since, until=since).queued == REPLAY_MAX


def test_a_filter_has_only_so_many_names(room: Mailroom) -> None:
    names = [f"license.{number}" for number in range(EVENT_TYPES_MAX + 1)]
    with pytest.raises(InvariantError, match="at most"):
        room.subscribe(event_types=names)


def test_a_name_that_is_given_twice_counts_once(room: Mailroom) -> None:
    assert room.subscribe(event_types=["*", "*"]).event_types == ("*",)
    room.happen()
    assert len(room.deliveries()) == 1


def test_an_update_takes_effect_for_what_waits_already(room: Mailroom) -> None:
    endpoint = room.subscribe()
    room.happen()
    moved = room.update(endpoint, url="https://hooks.example/moved")
    room.work()
    assert [post.url for post in room.subscribers.posts] == [moved.url]


def test_what_waits_and_what_died_within_a_day_is_counted(room: Mailroom) -> None:
    endpoint = room.subscribe()
    room.happen()
    room.subscribers.answer = lambda _: DOWN
    for _ in range(10):
        room.work()
        room.clock.advance(8_000)
    room.happen()
    counted = count_deliveries(store=room.store, clock=room.clock)
    assert counted == [DeliveryCounts(endpoint_id=endpoint.id, queued=1, dead=1)]
    (finding,) = judge_webhooks(counted)
    assert "1 deliveries" in finding.text
    room.clock.advance(86_400)
    (later,) = count_deliveries(store=room.store, clock=room.clock)
    assert later.dead == 0
    assert judge_webhooks([later])[0].health == "ok"
    waiting = DeliveryCounts(endpoint_id=endpoint.id, queued=DELIVERIES_WAITING_MAX + 1)
    assert judge_webhooks([waiting])[0].health == "warning"
