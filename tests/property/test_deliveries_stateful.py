"""Deliveries under any weather: what is committed is told at least once, or given up by the rules."""

from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import DeliveryId, EventId
from keysat_core.domain.webhook_delivery import ATTEMPTS_MAX, Delivery, DeliveryStatus, Reply
from keysat_core.domain.webhook_endpoint import WebhookEndpoint, wants
from tests.support.builders import make_event
from tests.support.mailroom import Mailroom, open_mailroom
from tests.support.subscriber import DOWN, TAKEN, Post

REPLIES: Final = (
    TAKEN,
    DOWN,
    Reply(status_code=500, text="<h1>Oops</h1>"),
    Reply(status_code=302),
    Reply(status_code=None, text="no whole answer within 10 s", is_slow=True),
)
FILTERS: Final = (("*",), ("license.revoked",), ("license.issued",), ())


class RolledBackError(Exception):
    """Ends a transaction of which nothing may remain."""


class Delivering(RuleBasedStateMachine):
    room: Mailroom

    @initialize()
    def open(self) -> None:
        self.opened = open_mailroom()
        self.room = self.opened.__enter__()
        self.endpoints: dict[str, WebhookEndpoint] = {}
        self.expected: set[tuple[str, str]] = set()
        self.undone: set[EventId] = set()
        self.bodies: dict[str, bytes] = {}
        self.retried: set[DeliveryId] = set()
        self.replies: list[Reply] = []
        self.room.subscribers.answer = self.answer

    def teardown(self) -> None:
        if hasattr(self, "room"):
            self.calm_down()
            self.opened.__exit__(None, None, None)

    def answer(self, post: Post) -> Reply:
        (delivery,) = [one for one in self.room.deliveries() if one.id == post.delivery_id]
        assert delivery.status is DeliveryStatus.QUEUED, "what has ended is not sent"
        endpoint = self.endpoints[delivery.endpoint_id]
        assert (endpoint.url, endpoint.is_live) == (post.url, True)
        assert self.bodies.setdefault(delivery.id, post.body) == post.body
        return self.replies.pop() if self.replies else TAKEN

    # --- what happens ---------------------------------------------------------------------------

    @precondition(lambda self: len(self.endpoints) < 4)
    @rule(event_types=st.sampled_from(FILTERS))
    def subscribe(self, event_types: tuple[str, ...]) -> None:
        url = f"https://hooks.example/{len(self.endpoints)}"
        endpoint = self.room.subscribe(url, event_types=event_types)
        self.endpoints[endpoint.id] = endpoint

    @rule(is_kept=st.booleans())
    def happen(self, is_kept: bool) -> None:  # noqa: FBT001  a rule's arguments have names
        if is_kept:
            self.expect(self.room.happen())
            return
        lost = make_event(event_type="license.revoked")
        with pytest.raises(RolledBackError), self.room.store.writing() as tx:
            tx.trail.append_events([lost, make_event()])
            raise RolledBackError
        self.undone.add(lost.id)

    @rule(replies=st.lists(st.sampled_from(REPLIES), max_size=4))
    def work(self, replies: list[Reply]) -> None:
        self.replies = list(replies)
        self.room.work()

    @rule(seconds=st.sampled_from([0, 1, 5, 61, 700, 8_000, -3_600]))
    def wait(self, seconds: int) -> None:
        self.room.clock.advance(seconds, may_go_back=True)

    @precondition(lambda self: self.kept())
    @rule(data=st.data(), active=st.booleans())
    def switch(self, data: st.DataObject, active: bool) -> None:  # noqa: FBT001  as above
        endpoint = data.draw(st.sampled_from(self.kept()))
        self.endpoints[endpoint.id] = self.room.switch(endpoint, active=active)

    @precondition(lambda self: self.kept())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        endpoint = data.draw(st.sampled_from(self.kept()))
        self.endpoints[endpoint.id] = self.room.delete(endpoint)
        left = self.room.deliveries(endpoint_id=endpoint.id)
        assert DeliveryStatus.QUEUED not in {one.status for one in left}

    @precondition(lambda self: self.room.deliveries())
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        delivery = data.draw(st.sampled_from(self.room.deliveries()))
        again = self.room.retry(delivery).delivery
        assert (again.id, again.event_id, again.attempts) == (delivery.id, delivery.event_id, 0)
        self.retried.add(delivery.id)

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def what_was_committed_has_its_deliveries_and_nothing_else_has(self) -> None:
        if hasattr(self, "room"):
            rows = {(one.event_id, one.endpoint_id) for one in self.room.deliveries()}
            assert rows == self.expected
            assert not {event_id for event_id, _ in rows} & self.undone

    @invariant()
    def attempts_are_bounded_and_bodies_are_the_events(self) -> None:
        for row in self.room.rows() if hasattr(self, "room") else ():
            assert row.delivery.attempts <= ATTEMPTS_MAX
            if row.delivery.status is DeliveryStatus.DEAD:
                assert row.delivery.attempts > 0
            assert self.bodies.get(row.delivery.id, row.body) == row.body

    # --- the end --------------------------------------------------------------------------------

    def kept(self) -> list[WebhookEndpoint]:
        return [one for one in self.endpoints.values() if one.deleted_at is None]

    def expect(self, event: OutboxEvent) -> None:
        self.expected |= {
            (event.id, one.id)
            for one in self.endpoints.values()
            if one.is_live and wants(one.event_types, event.event_type)
        }

    def calm_down(self) -> None:
        """Once everybody answers, what can be sent is delivered and the rest is dead."""
        self.replies = []
        for _ in range(2):
            self.room.clock.advance(8_000)
            self.room.work()
        for one in self.room.deliveries():
            self.ended(one)

    def ended(self, one: Delivery) -> None:
        assert one.status is not DeliveryStatus.QUEUED
        if one.status is DeliveryStatus.DELIVERED:
            assert one.id in self.bodies


TestDelivering = Delivering.TestCase
TestDelivering.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
