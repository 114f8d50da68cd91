"""Deliveries: what holds whatever happens, and in which order. Source: lifecycles 10.3."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import DeliveryId, EventId, WebhookEndpointId, is_uuid_text
from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_delivery import (
    ATTEMPTS_MAX,
    JITTER_PERCENT,
    TRANSITIONS,
    WAIT_SECONDS,
    WAIT_SECONDS_MAX,
    Claim,
    Delivery,
    DeliveryEvent,
    DeliveryStatus,
    Reply,
    Requeue,
    advance,
    judged,
    wait_seconds,
)
from keysat_core.domain.webhook_endpoint import Listener
from keysat_core.domain.webhook_queue import delivery_id_of, queued_for
from keysat_core.errors import IllegalTransition
from keysat_core.limits import DELIVERY_CLAIM_SECONDS
from keysat_core.testing import strategies as values

NOW = Instant(1_800_000_000)
DOWN = Reply(status_code=None, text="connection refused")

queued = values.deliveries(
    status=DeliveryStatus.QUEUED, attempts=0, last_error=None, last_status_code=None
)


def test_the_table_is_the_published_one() -> None:
    assert WAIT_SECONDS == (5, 10, 30, 60, 300, 900, 1_800, 3_600, 7_200)
    assert sum(WAIT_SECONDS) == 3 * 3_600 + 51 * 60 + 45
    assert ATTEMPTS_MAX == 10


@given(delivery=queued)
def test_waits_follow_the_table_and_the_tenth_failure_is_the_last(delivery: Delivery) -> None:
    now = NOW
    for base in WAIT_SECONDS:
        delivery = advance(delivery, judged(delivery, DOWN), now=now)
        assert delivery.status is DeliveryStatus.QUEUED
        assert delivery.next_attempt_at is not None
        waited = delivery.next_attempt_at - now
        assert abs(waited - base) <= base * JITTER_PERCENT // 100
        assert waited <= WAIT_SECONDS_MAX
        assert delivery.last_error == "request error: connection refused"
        now = delivery.next_attempt_at
    delivery = advance(delivery, judged(delivery, DOWN), now=now)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DEAD, ATTEMPTS_MAX)
    assert delivery.next_attempt_at is None


@given(delivery_id=values.ids().map(DeliveryId))
def test_waits_grow_and_are_the_same_each_time(delivery_id: DeliveryId) -> None:
    waits = [wait_seconds(delivery_id, n) for n in range(1, ATTEMPTS_MAX)]
    assert all(before < after for before, after in pairwise(waits))
    assert waits == [wait_seconds(delivery_id, n) for n in range(1, ATTEMPTS_MAX)]


def test_a_backlog_does_not_come_back_at_once() -> None:
    waits = {wait_seconds(DeliveryId(str(n)), 9) for n in range(200)}
    assert len(waits) > 100
    assert {wait // 7_200 for wait in waits} == {0, 1}


@given(delivery=values.deliveries(), event=values.delivery_events())
def test_every_step_is_in_the_table_and_leaves_what_identifies_it(
    delivery: Delivery, event: DeliveryEvent
) -> None:
    status = TRANSITIONS.get((delivery.status, type(event)))
    if status is None:
        with pytest.raises(IllegalTransition):
            advance(delivery, event, now=NOW)
        return
    after = advance(delivery, event, now=NOW)
    assert after.status is status
    assert (after.status is DeliveryStatus.QUEUED) == (after.next_attempt_at is not None)
    assert (after.status is DeliveryStatus.DELIVERED) == (after.delivered_at is not None)
    assert 0 <= after.attempts <= ATTEMPTS_MAX
    kept = ("id", "endpoint_id", "event_id", "created_at")
    assert [getattr(after, name) for name in kept] == [getattr(delivery, name) for name in kept]


@given(delivery=values.deliveries())
def test_only_what_is_queued_is_taken(delivery: Delivery) -> None:
    if delivery.status is DeliveryStatus.QUEUED:
        taken = advance(delivery, Claim(), now=NOW)
        assert taken.next_attempt_at == NOW + DELIVERY_CLAIM_SECONDS
        assert taken.attempts == delivery.attempts
    else:
        with pytest.raises(IllegalTransition):
            advance(delivery, Claim(), now=NOW)


@given(delivery=values.deliveries())
def test_a_retry_starts_anew_in_any_state(delivery: Delivery) -> None:
    again = advance(delivery, Requeue(), now=NOW)
    assert again == msgspec.structs.replace(
        delivery,
        status=DeliveryStatus.QUEUED,
        attempts=0,
        next_attempt_at=NOW,
        last_status_code=None,
        last_error=None,
        delivered_at=None,
    )


@given(delivery=queued, reply=values.replies())
def test_two_hundreds_are_delivered_and_nothing_else_is(delivery: Delivery, reply: Reply) -> None:
    after = advance(delivery, judged(delivery, reply), now=NOW)
    assert (after.status is DeliveryStatus.DELIVERED) == (
        reply.status_code is not None and 200 <= reply.status_code <= 299
    )
    assert after.last_status_code == reply.status_code
    assert (after.last_error is None) == (after.status is DeliveryStatus.DELIVERED)
    assert len(after.last_error or "") <= 200 + len("non-2xx response: ")
    assert (after.last_error or "x").isprintable()


@given(
    events=st.lists(values.outbox_events(), max_size=5),
    listeners=st.lists(values.listeners(), max_size=4, unique_by=lambda one: one.endpoint_id),
)
def test_an_endpoint_receives_an_event_exactly_if_it_is_published_and_wanted(
    events: list[OutboxEvent], listeners: list[Listener]
) -> None:
    made = queued_for(events, listeners)
    expected = [
        (event.id, one.endpoint_id)
        for event in events
        for one in listeners
        if event.is_published and {"*", event.event_type} & set(one.event_types)
    ]
    assert [(one.event_id, one.endpoint_id) for one in made] == expected
    assert all(one.status is DeliveryStatus.QUEUED and one.attempts == 0 for one in made)


@given(event_id=values.ids().map(EventId), endpoint_id=values.ids().map(WebhookEndpointId))
def test_ids_are_uuids_of_version_four_and_belong_to_one_pair(
    event_id: EventId, endpoint_id: WebhookEndpointId
) -> None:
    made = delivery_id_of(event_id, endpoint_id)
    assert is_uuid_text(made)
    assert made[14] == "4"
    assert made[19] in "89ab"
    assert made != delivery_id_of(EventId(endpoint_id), WebhookEndpointId(event_id))
