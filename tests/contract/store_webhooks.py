"""Subscribers, deliveries and the outbox in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import DeliveryId, EventId, WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_delivery import (
    WAIT_SECONDS_MAX,
    Delivery,
    DeliveryCounts,
    DeliveryFilter,
    DeliveryRow,
    DeliveryStatus,
)
from keysat_core.domain.webhook_endpoint import WebhookEndpoint
from keysat_core.domain.webhook_queue import delivery_id_of, queued_delivery
from keysat_core.errors import NotFound, StoreUnavailable
from keysat_core.limits import DELIVERY_ORDER_SECONDS
from keysat_core.ports.store import Store
from tests.support.builders import NOW, later, make_endpoint, make_event, new_id

replace = msgspec.structs.replace


def stored_endpoint(store: Store, **fields: Any) -> WebhookEndpoint:
    endpoint = make_endpoint(**fields)
    with store.writing() as tx:
        tx.webhooks.put_endpoint(endpoint)
    return endpoint


def told(store: Store, **fields: Any) -> OutboxEvent:
    event = make_event(**({"is_published": True} | fields))
    with store.writing() as tx:
        tx.trail.append_event(event)
    return event


def all_rows(store: Store, **fields: Any) -> list[DeliveryRow]:
    with store.reading() as tx:
        return list(tx.deliveries.list_deliveries(DeliveryFilter(**fields)).rows)


class WebhooksContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    # --- endpoints ------------------------------------------------------------------------------

    def test_an_endpoint_comes_back_whole(self, store: Store) -> None:
        endpoint = stored_endpoint(
            store, event_types=("license.issued",), description="CRM", active=False
        )
        with store.writing() as tx:
            assert tx.webhooks.get_endpoint(endpoint.id) == endpoint
            changed = replace(endpoint, url="https://b.example", secret=Secret("s" * 16))
            tx.webhooks.put_endpoint(changed)
            assert tx.webhooks.find_endpoint(endpoint.id) == changed

    def test_a_deleted_endpoint_is_only_found_by_its_id(self, store: Store) -> None:
        kept = stored_endpoint(store)
        gone = stored_endpoint(store, deleted_at=NOW)
        with store.reading() as tx:
            assert tx.webhooks.find_endpoint(gone.id) == gone
            assert tx.webhooks.list_endpoints() == [kept]
            assert tx.webhooks.count_endpoints() == 1
            for unknown in (gone.id, WebhookEndpointId(new_id())):
                with pytest.raises(NotFound):
                    tx.webhooks.get_endpoint(unknown)

    def test_endpoints_are_listed_newest_first(self, store: Store) -> None:
        old = stored_endpoint(store, created_at=later(-5))
        new = stored_endpoint(store)
        with store.reading() as tx:
            assert tx.webhooks.list_endpoints() == [new, old]

    # --- deliveries come with their event (D40) --------------------------------------------------

    def test_a_delivery_comes_with_its_event_and_goes_with_it_d40(self, store: Store) -> None:
        endpoint = stored_endpoint(store)
        event = told(store)
        (row,) = all_rows(store)
        assert row == DeliveryRow(
            delivery=queued_delivery(
                event, endpoint.id, delivery_id_of(event.id, endpoint.id), event.occurred_at
            ),
            event_type=event.event_type,
            body=event.body,
        )
        with pytest.raises(ZeroDivisionError), store.writing() as tx:
            tx.trail.append_event(make_event(is_published=True))
            raise ZeroDivisionError
        assert all_rows(store) == [row]

    def test_only_active_endpoints_that_ask_for_a_published_event_are_told(
        self, store: Store
    ) -> None:
        wanted = "license.revoked"
        told_of = {
            stored_endpoint(store, event_types=("*",)).id,
            stored_endpoint(store, event_types=("license.issued", wanted)).id,
        }
        stored_endpoint(store, event_types=())
        stored_endpoint(store, event_types=("license.issued",))
        stored_endpoint(store, active=False)
        stored_endpoint(store, deleted_at=NOW)
        with store.writing() as tx:
            tx.trail.append_events(
                [
                    make_event(event_type=wanted, is_published=True),
                    make_event(event_type=wanted, is_published=False),
                ]
            )
        rows = all_rows(store)
        assert {row.delivery.endpoint_id for row in rows} == told_of
        assert len(rows) == len(told_of)

    def test_a_delivery_comes_back_whole(self, store: Store) -> None:
        stored_endpoint(store)
        told(store)
        (row,) = all_rows(store)
        changed = replace(
            row.delivery,
            status=DeliveryStatus.DELIVERED,
            attempts=3,
            next_attempt_at=None,
            last_status_code=204,
            last_error="earlier",
            delivered_at=later(9),
        )
        with store.writing() as tx:
            tx.deliveries.put_deliveries([changed])
            assert tx.deliveries.find_delivery(changed.id) == replace(row, delivery=changed)
            assert tx.deliveries.find_deliveries([changed.id, DeliveryId(new_id())]) == [changed]
            assert tx.deliveries.find_delivery(DeliveryId(new_id())) is None

    def test_a_delivery_of_nothing_or_to_nobody_is_refused(self, store: Store) -> None:
        endpoint, event = stored_endpoint(store), told(store)
        for one in (
            _delivery(event_id=event.id, endpoint_id=WebhookEndpointId(new_id())),
            _delivery(event_id=EventId(new_id()), endpoint_id=endpoint.id),
            _delivery(event_id=event.id, endpoint_id=endpoint.id, next_attempt_at=None),
        ):
            with pytest.raises(StoreUnavailable), store.writing() as tx:
                tx.deliveries.put_deliveries([one])

    def test_deliveries_are_listed_newest_first_by_every_filter(self, store: Store) -> None:
        one, other = stored_endpoint(store, created_at=later(-1)), stored_endpoint(store)
        first, second = told(store), told(store)
        with store.writing() as tx:
            dead = tx.deliveries.find_deliveries([delivery_id_of(first.id, other.id)])
            ended = {"status": DeliveryStatus.DEAD, "next_attempt_at": None, "attempts": 10}
            tx.deliveries.put_deliveries([replace(dead[0], **ended)])
        order = [
            delivery_id_of(event.id, endpoint.id)
            for event in (second, first)
            for endpoint in (other, one)
        ]
        assert [row.delivery.id for row in all_rows(store)] == order
        assert [row.delivery.id for row in all_rows(store, limit=1, offset=2)] == order[2:3]
        of_one = all_rows(store, endpoint_id=one.id)
        assert [row.delivery.id for row in of_one] == order[1::2]
        with store.reading() as tx:
            page = tx.deliveries.list_deliveries(
                DeliveryFilter(status=DeliveryStatus.QUEUED, limit=1)
            )
            assert (page.total, len(page.rows)) == (3, 1)
        dead_rows = all_rows(store, status=DeliveryStatus.DEAD)
        assert [row.delivery.id for row in dead_rows] == [order[2]]

    def test_what_is_due_is_given_longest_due_first(self, store: Store) -> None:
        endpoint = stored_endpoint(store)
        events = [told(store, occurred_at=later(at)) for at in (-100, -105, 1)]
        ids = [delivery_id_of(event.id, endpoint.id) for event in events]
        with store.reading() as tx:
            due = tx.deliveries.list_due
            assert [row.delivery.id for row in due(endpoint.id, NOW, 9)] == [ids[1], ids[0]]
            assert [row.delivery.id for row in due(endpoint.id, NOW, 1)] == [ids[1]]
            assert due(endpoint.id, later(-106), 9) == []
            assert due(WebhookEndpointId(new_id()), NOW, 9) == []
            assert [one.id for one in tx.deliveries.list_queued(endpoint.id, 9)] == [
                ids[1],
                ids[0],
                ids[2],
            ]

    @pytest.mark.betters("B-35")
    def test_what_is_new_is_given_in_its_order_up_to_what_is_not_due(self, store: Store) -> None:
        endpoint, other = stored_endpoint(store), stored_endpoint(store)
        old = told(store, occurred_at=later(-DELIVERY_ORDER_SECONDS))
        events = [told(store, occurred_at=later(at)) for at in (-9, -9, -5, 0)]
        ids = [delivery_id_of(event.id, endpoint.id) for event in (old, *events)]

        def put(number: int, **changes: Any) -> None:
            with store.writing() as tx:
                (one,) = tx.deliveries.find_deliveries([ids[number]])
                tx.deliveries.put_deliveries([replace(one, **changes)])

        def due(now: Instant = NOW) -> list[int]:
            with store.reading() as tx:
                rows = tx.deliveries.list_due(endpoint.id, now, 9)
                assert (endpoint.id in tx.deliveries.list_due_endpoints(now)) is bool(rows)
                assert len(tx.deliveries.list_due(other.id, now, 9)) == len(ids)
                return [ids.index(row.delivery.id) for row in rows]

        assert due() == [0, 1, 2, 3, 4]
        put(2, attempts=1, next_attempt_at=later(3))
        assert due() == [0, 1]
        put(0, attempts=1, next_attempt_at=later(9))
        put(1, status=DeliveryStatus.DELIVERED, delivered_at=NOW, next_attempt_at=None)
        assert due() == [], "what is older than a minute holds nothing back, and what is new does"
        assert due(later(3)) == [2, 3, 4]
        put(2, attempts=9, next_attempt_at=later(7_000))
        assert due(later(DELIVERY_ORDER_SECONDS - 10)) == [0]
        assert due(later(DELIVERY_ORDER_SECONDS - 9)) == [0, 3, 4]

    def test_a_time_no_clock_would_give_now_is_due(self, store: Store) -> None:
        endpoint = stored_endpoint(store)
        event = told(store, occurred_at=later(WAIT_SECONDS_MAX + 1))
        with store.reading() as tx:
            (row,) = tx.deliveries.list_due(endpoint.id, NOW, 9)
            assert row.delivery.event_id == event.id
            assert tx.deliveries.list_due_endpoints(NOW) == [endpoint.id]
            assert tx.deliveries.list_due(endpoint.id, later(1), 9) == []
            assert tx.deliveries.list_due_endpoints(later(1)) == []

    def test_endpoints_with_anything_due_are_given_deleted_ones_too(self, store: Store) -> None:
        late, early = stored_endpoint(store), stored_endpoint(store)
        told(store, occurred_at=NOW)
        with store.writing() as tx:
            tx.webhooks.put_endpoint(replace(late, active=False))
        told(store, occurred_at=later(-9))
        with store.writing() as tx:
            tx.webhooks.put_endpoint(replace(early, deleted_at=NOW))
        stored_endpoint(store)
        with store.reading() as tx:
            assert tx.deliveries.list_due_endpoints(NOW) == [early.id, late.id]
            assert tx.deliveries.list_due_endpoints(later(-1)) == [early.id]

    def test_what_waits_and_what_died_lately_is_counted(self, store: Store) -> None:
        endpoint = stored_endpoint(store)
        events = [told(store, occurred_at=later(at)) for at in (-9, 0, 0)]
        with store.writing() as tx:
            ids = [delivery_id_of(event.id, endpoint.id) for event in events[:2]]
            ended = {"status": DeliveryStatus.DEAD, "next_attempt_at": None, "attempts": 10}
            tx.deliveries.put_deliveries(
                [replace(one, **ended) for one in tx.deliveries.find_deliveries(ids)]
            )
            counts = DeliveryCounts(endpoint_id=endpoint.id, queued=1, dead=1)
            assert tx.deliveries.count_by_endpoint(later(-5)) == [counts]
            assert tx.deliveries.count_by_endpoint(later(-10)) == [replace(counts, dead=2)]

    # --- the outbox -----------------------------------------------------------------------------

    def test_the_outbox_is_followed_by_sequence(self, store: Store) -> None:
        with store.reading() as tx:
            assert tx.outbox.last_sequence() == 0
        first = told(store)
        told(store, is_published=False)
        second = told(store)
        with store.reading() as tx:
            rows = tx.outbox.list_after(0, 9)
            assert [row.event for row in rows] == [first, second]
            assert tx.outbox.last_sequence() == rows[-1].sequence
            assert tx.outbox.list_after(rows[0].sequence, 9) == rows[1:]
            assert tx.outbox.list_after(0, 1) == rows[:1]

    def test_following_begins_at_an_instant(self, store: Store) -> None:
        told(store, occurred_at=later(-9))
        wanted = told(store, occurred_at=NOW)
        with store.reading() as tx:
            begin = tx.outbox.sequence_before(NOW)
            assert [row.event for row in tx.outbox.list_after(begin, 9)] == [wanted]
            assert tx.outbox.list_after(tx.outbox.sequence_before(later(1)), 9) == []
            assert tx.outbox.sequence_before(later(-20)) == 0

    def test_events_of_a_time_are_given_but_not_those_that_are_queued(self, store: Store) -> None:
        told(store, occurred_at=later(-9))
        wanted = [told(store, occurred_at=later(at)) for at in (0, 5)]
        told(store, occurred_at=later(6))
        told(store, occurred_at=NOW, is_published=False)
        endpoint = stored_endpoint(store)
        queued = told(store, occurred_at=NOW)
        with store.reading() as tx:
            rows = tx.outbox.list_unqueued(endpoint.id, NOW, later(5), 9)
            assert [row.event for row in rows] == wanted
            assert len(tx.outbox.list_unqueued(endpoint.id, NOW, later(5), 1)) == 1
            others = tx.outbox.list_unqueued(WebhookEndpointId(new_id()), NOW, NOW, 9)
            assert {row.event.id for row in others} == {wanted[0].id, queued.id}


def _delivery(**fields: Any) -> Delivery:
    ordinary: dict[str, Any] = {
        "id": DeliveryId(new_id()),
        "next_attempt_at": NOW,
        "created_at": NOW,
    }
    return Delivery(**(ordinary | fields))
