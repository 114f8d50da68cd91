"""Rounds of deliveries, over a real store and real sockets: nothing is lost, and nobody waits for others."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest

from keysat_adapters.outbound.addresses import Addresses
from keysat_adapters.outbound.webhook_sender import HTTPWebhookSender
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import DeliveryId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_delivery import (
    ATTEMPTS_MAX,
    ENDPOINT_GONE,
    DeliveryStatus,
    Reply,
)
from keysat_core.domain.webhook_endpoint import WebhookEndpoint
from keysat_core.domain.webhook_signature import keysat_signature, standard_signature
from keysat_core.limits import (
    DELIVERY_CLAIM_SECONDS,
    DELIVERY_ORDER_SECONDS,
    WEBHOOK_SECRET_OVERLAP_SECONDS,
)
from keysat_http.delivering import DeliveryRounds, here
from keysat_http.rounds import one_by_one
from tests.support.mailroom import Mailroom, open_mailroom
from tests.support.subscriber import DOWN, TAKEN, Post, RealSubscriber, real_subscriber

SLOW = Reply(status_code=None, text="no whole answer within 10 s", is_slow=True)


@pytest.fixture
def room() -> Iterator[Mailroom]:
    with open_mailroom() as room:
        yield room


@pytest.fixture
def subscriber() -> Iterator[RealSubscriber]:
    with real_subscriber() as subscriber:
        yield subscriber


@pytest.fixture
def filed(tmp_path: Path) -> Iterator[Mailroom]:
    """Over a file and real sockets, where threads read beside each other."""
    with (
        HTTPWebhookSender(user_agent="Keysat/test", is_private_allowed=True, seconds=5) as sender,
        open_mailroom(store=SQLiteStore.open(tmp_path / "keysat.db"), sender=sender) as room,
    ):
        yield room


# --- rounds at a clock's mercy --------------------------------------------------------------------


def test_a_subscriber_that_is_down_for_three_hours_loses_nothing(room: Mailroom) -> None:
    endpoint = room.subscribe()
    ends_at = room.clock.now() + 3 * 3_600
    room.subscribers.answer = lambda _: DOWN if room.clock.now() < ends_at else TAKEN
    told = []
    for minute in range(4 * 60):
        if minute < 180 and minute % 3 == 0:
            told.append(room.happen(str(minute)).body)
        room.work()
        room.clock.advance(60)
    room.clock.advance(8_000)
    room.work()
    assert {one.status for one in room.deliveries()} == {DeliveryStatus.DELIVERED}
    taken = Counter(room.subscribers.bodies_of(endpoint.url))
    assert set(taken) == set(told)
    assert max(taken.values()) <= ATTEMPTS_MAX


def test_a_subscriber_that_never_answers_is_given_up_after_the_tenth_attempt(
    room: Mailroom,
) -> None:
    room.subscribe()
    room.happen()
    room.subscribers.answer = lambda _: Reply(status_code=503, text="later\nplease" * 100)
    for _ in range(ATTEMPTS_MAX + 3):
        room.work()
        room.clock.advance(8_000)
    (dead,) = room.deliveries()
    assert (dead.status, dead.attempts, dead.last_status_code) == ("dead", 10, 503)
    assert dead.last_error is not None
    assert dead.last_error.startswith("non-2xx response: later please")
    assert len(room.subscribers.posts) == ATTEMPTS_MAX
    assert {post.delivery_id for post in room.subscribers.posts} == {dead.id}
    assert len({post.body for post in room.subscribers.posts}) == 1


def test_what_is_due_to_an_endpoint_that_is_off_dies_and_enabling_brings_nothing_back(
    room: Mailroom,
) -> None:
    endpoint = room.subscribe()
    room.happen()
    room.switch(endpoint, active=False)
    room.happen("nobody is told of this one")
    assert room.work().failed == 1
    (dead,) = room.deliveries()
    assert (dead.status, dead.attempts, dead.last_error) == ("dead", 1, ENDPOINT_GONE)
    room.switch(endpoint, active=True)
    assert room.work().items == 0
    assert room.subscribers.posts == []


@pytest.mark.betters("B-13")
def test_an_endpoint_with_history_is_deleted_and_its_history_stays_d28(room: Mailroom) -> None:
    endpoint = room.subscribe()
    room.happen()
    room.work()
    room.happen()
    room.delete(endpoint)
    assert Counter(one.status for one in room.deliveries()) == {"delivered": 1, "dead": 1}
    room.happen()
    assert len(room.deliveries()) == 2
    assert room.work().items == 0


@pytest.mark.betters("B-46")
def test_a_retry_sends_the_same_id_and_body_again(room: Mailroom) -> None:
    room.subscribe()
    room.happen()
    room.work()
    (delivered,) = room.deliveries()
    room.retry(delivered)
    room.work()
    first, second = room.subscribers.posts
    assert (first.delivery_id, first.body) == (second.delivery_id, second.body)


def test_both_secrets_sign_for_a_day_after_a_rotation(room: Mailroom) -> None:
    old = room.subscribe()
    new = room.rotate(old)
    for _ in range(2):
        room.happen()
        room.work()
        room.clock.advance(WEBHOOK_SECRET_OVERLAP_SECONDS)
    during, after = room.subscribers.posts

    def signed(post: Post, endpoint: WebhookEndpoint) -> str:
        at = Instant(int(post.headers["webhook-timestamp"]))
        return standard_signature(endpoint.secret, DeliveryId(post.delivery_id), at, post.body)

    assert during.headers["webhook-signature"].split(" ") == [
        signed(during, new),
        signed(during, old),
    ]
    assert after.headers["webhook-signature"] == signed(after, new)
    for post in (during, after):
        assert post.headers["X-Keysat-Signature"] == keysat_signature(new.secret, post.body)
    room.update(room.rotate(new), secret=Secret("s" * 32))
    room.happen()
    room.work()
    assert " " not in room.subscribers.posts[-1].headers["webhook-signature"], (
        "it is known to others"
    )


def test_a_test_goes_to_one_endpoint_alone_whatever_it_asks_for(room: Mailroom) -> None:
    room.subscribe("https://hooks.example/every")
    asks_for_nothing = room.subscribe("https://hooks.example/nothing", event_types=[])
    row = room.ping(asks_for_nothing)
    assert room.work().items == 1
    (post,) = room.subscribers.posts
    assert (post.url, post.headers["X-Keysat-Event"]) == (asks_for_nothing.url, "webhook.test")
    assert (post.delivery_id, post.body) == (row.delivery.id, row.body)
    # Nor does a replay send it to anybody.
    assert room.replay(asks_for_nothing, since=room.clock.now()).queued == 0


def test_a_replay_sends_the_events_of_a_time_as_new_deliveries(room: Mailroom) -> None:
    before = room.happen("before anybody listened")
    room.clock.advance(10)
    endpoint = room.subscribe()
    room.happen()
    since = room.clock.now()
    assert room.replay(endpoint, since=since).queued == 0, "it is queued already"
    room.work()
    assert room.replay(endpoint, since=since).queued == 1
    assert room.replay(endpoint, since=before.occurred_at).queued == 1, "only the older one"
    room.work()
    assert len({post.delivery_id for post in room.subscribers.posts}) == 3
    assert Counter(room.subscribers.bodies_of(endpoint.url)).most_common(1)[0][1] == 2


def test_a_crash_between_the_call_and_its_mark_repeats_the_call(room: Mailroom) -> None:
    room.subscribe()
    room.happen()

    def die(_: Post) -> Reply:
        raise KeyboardInterrupt

    room.subscribers.answer = die
    with pytest.raises(KeyboardInterrupt):
        room.work()
    room.subscribers.answer = lambda _: TAKEN
    assert room.work().items == 0, "it is taken still"
    room.clock.advance(DELIVERY_CLAIM_SECONDS)
    assert room.work().items == 1
    first, second = room.subscribers.posts
    assert (first.delivery_id, first.body) == (second.delivery_id, second.body)


def test_a_batch_ends_with_the_first_call_that_hangs_and_the_rest_is_given_back(
    room: Mailroom,
) -> None:
    room.subscribe()
    for number in range(20):
        room.happen(str(number))
    answers = iter([TAKEN, TAKEN, SLOW])
    room.subscribers.answer = lambda _: next(answers)
    work = room.work()
    assert (work.items, work.failed) == (3, 1)
    statuses = Counter((one.status.value, one.attempts) for one in room.deliveries())
    assert statuses == {("delivered", 1): 2, ("queued", 1): 1, ("queued", 0): 17}
    room.subscribers.answer = lambda _: TAKEN
    assert room.work().items == 0, "later ones keep behind it"
    room.clock.advance(6)
    assert room.work().items == 18


def test_a_sender_that_breaks_ends_the_round_and_not_the_next(tmp_path: Path) -> None:
    with open_mailroom(store=SQLiteStore.open(tmp_path / "keysat.db")) as room:
        room.subscribe()
        room.happen()

        def broken(_: Post) -> Reply:
            raise ValueError("a bug")

        room.subscribers.answer = broken
        assert DeliveryRounds(room.ports).run().items == 0
        room.subscribers.answer = lambda _: TAKEN
        assert DeliveryRounds(room.ports).run().items == 1


def test_a_backlog_drains_in_one_round(room: Mailroom) -> None:
    room.subscribe()
    for number in range(450):
        room.happen(str(number))
    assert room.work().items == 450
    assert room.work().items == 0


def test_a_stop_gives_back_what_was_not_sent(room: Mailroom) -> None:
    room.subscribe()
    for number in range(5):
        room.happen(str(number))
    rounds = DeliveryRounds(room.ports, spawn=here, fan_out=one_by_one)

    def stopping(_: Post) -> Reply:
        rounds.stop()
        return TAKEN

    room.subscribers.answer = stopping
    assert rounds.run().items == 1
    assert Counter(one.status.value for one in room.deliveries()) == {"delivered": 1, "queued": 4}
    assert all(one.next_attempt_at == room.clock.now() for one in room.deliveries()[:4])
    assert rounds.run().items == 0


def test_without_a_sender_deliveries_wait(room: Mailroom) -> None:
    room.subscribe()
    room.happen()
    room.ports = type(room.ports)(
        **{name: getattr(room.ports, name) for name in room.ports.__slots__ if name != "webhooks"}
    )
    rounds = DeliveryRounds(room.ports)
    assert (rounds.has_work(), rounds.run().items) == (False, 0)


# --- order ----------------------------------------------------------------------------------------


def told(room: Mailroom) -> list[str]:
    return [json.loads(post.body)["data"]["reason"] for post in room.subscribers.posts]


def test_b35_what_a_subscriber_refuses_for_a_moment_is_still_told_in_order(room: Mailroom) -> None:
    room.subscribe()
    for reason in ("first", "second"):
        room.happen(reason)
    answers = iter([DOWN, DOWN])
    room.subscribers.answer = lambda _: next(answers, TAKEN)
    for _ in range(3):
        room.work()
        room.work()
        room.happen("later")
        room.clock.advance(12)
    room.work()
    assert told(room) == ["first", "first", "first", "second", "later", "later", "later"]


def test_b35_nothing_is_held_back_for_more_than_a_minute(room: Mailroom) -> None:
    room.subscribe()
    room.happen("poison")
    room.clock.advance(1)
    room.happen("good")
    room.subscribers.answer = lambda post: DOWN if b"poison" in post.body else TAKEN
    for _ in range(DELIVERY_ORDER_SECONDS - 1):
        assert "good" not in told(room)
        room.work()
        room.clock.advance(1)
    room.work()
    assert told(room)[-1] == "good"
    assert told(room).count("poison") > 2, "it was tried again meanwhile"


def test_b35_one_endpoint_waits_for_no_other(room: Mailroom) -> None:
    room.subscribe("https://hooks.example/down")
    room.subscribe("https://hooks.example/up")
    for number in range(3):
        room.happen(str(number))
    room.subscribers.answer = lambda post: DOWN if post.url.endswith("/down") else TAKEN
    assert room.work().items == 4
    up = [post for post in room.subscribers.posts if post.url.endswith("/up")]
    assert [json.loads(post.body)["data"]["reason"] for post in up] == ["0", "1", "2"]


# --- over real sockets ----------------------------------------------------------------------------


@pytest.mark.betters("B-35")
def test_a_subscriber_that_hangs_delays_no_other(
    filed: Mailroom, subscriber: RealSubscriber
) -> None:
    with real_subscriber() as hanging:
        hanging.hangs_until = Event()
        filed.subscribe(hanging.url)
        filed.subscribe(subscriber.url)
        for number in range(20):
            filed.happen(str(number))
        rounds = DeliveryRounds(filed.ports, drain_seconds=2.0)
        began_at = monotonic()
        assert rounds.run().items == 20
        assert monotonic() - began_at < 5, "it waits only for a while"
        assert len(subscriber.posts) == 20
        # The next round passes over the one that is still waited for.
        filed.happen("while one hangs")
        assert rounds.run().items == 1
        assert len(hanging.posts) == 1
        hanging.hangs_until.set()


def test_two_workers_at_once_double_nothing(filed: Mailroom, subscriber: RealSubscriber) -> None:
    filed.subscribe(subscriber.url)
    for number in range(190):
        filed.happen(str(number))
    workers = [Thread(target=DeliveryRounds(filed.ports).run) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert len(subscriber.posts) == 190
    reasons = [int(json.loads(post.body)["data"]["reason"]) for post in subscriber.posts]
    assert reasons == sorted(reasons), "B-35: in the order they happened, whoever sent them"
    assert len({post.headers["X-Keysat-Delivery"] for post in subscriber.posts}) == 190
    assert {one.status for one in filed.deliveries()} == {DeliveryStatus.DELIVERED}


def test_what_is_sent_is_signed_and_carries_the_events_own_bytes(
    filed: Mailroom, subscriber: RealSubscriber
) -> None:
    filed.subscribe(subscriber.url)
    event = filed.happen()
    DeliveryRounds(filed.ports).run()
    (post,) = subscriber.posts
    assert post.body == event.body
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["X-Keysat-Event"] == "license.revoked"
    assert post.headers["X-Keysat-Signature"].startswith("sha256=")
    assert post.headers["User-Agent"] == "Keysat/test"


def test_redirects_are_not_followed(filed: Mailroom, subscriber: RealSubscriber) -> None:
    with real_subscriber() as elsewhere:
        subscriber.status = 307
        subscriber.answer_headers = {"location": elsewhere.url}
        filed.subscribe(subscriber.url)
        filed.happen()
        DeliveryRounds(filed.ports).run()
        assert elsewhere.posts == []
    (waiting,) = filed.deliveries()
    assert (waiting.status, waiting.last_status_code) == ("queued", 307)


@pytest.mark.parametrize(
    ("answer", "headers"),
    [(b"x" * 1_000_000, {}), (b"\x1f\x8b", {"content-encoding": "gzip"})],
    ids=["long", "packed"],
)
def test_an_answer_is_judged_by_its_status_however_long_or_packed_it_is(
    filed: Mailroom, subscriber: RealSubscriber, answer: bytes, headers: dict[str, str]
) -> None:
    subscriber.answer, subscriber.answer_headers = answer, headers
    filed.subscribe(subscriber.url)
    filed.happen()
    assert DeliveryRounds(filed.ports).run().failed == 0


def test_an_answer_that_does_not_come_in_time_is_an_error(subscriber: RealSubscriber) -> None:
    subscriber.hangs_until = Event()
    with HTTPWebhookSender(user_agent="K", is_private_allowed=True, seconds=0.2) as sender:
        reply = sender.send(subscriber.url, {}, b"{}")
    assert (reply.status_code, reply.is_slow) == (None, True)
    assert "within 0.2 s" in reply.text


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "100.64.0.1", "::1", "fd00::1"]
)
def test_private_targets_are_refused_when_connecting(
    subscriber: RealSubscriber, address: str
) -> None:
    port = subscriber.url.split(":")[2].split("/")[0]
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return [address]

    with HTTPWebhookSender(user_agent="K", addresses=Addresses(resolve=resolve)) as sender:
        reply = sender.send(f"http://hooks.example:{port}/hook", {}, b"{}")
    assert (reply.status_code, reply.text) == (None, "it is not on the public internet")
    assert asked == ["hooks.example"]
    assert subscriber.posts == []


def test_a_name_that_also_leads_inside_is_refused(subscriber: RealSubscriber) -> None:
    mixed = Addresses(resolve=lambda _, __: ["93.184.215.14", "127.0.0.1"])
    with HTTPWebhookSender(user_agent="K", addresses=mixed) as sender:
        assert sender.send("http://hooks.example/", {}, b"{}").status_code is None
    with HTTPWebhookSender(user_agent="K") as sender:
        assert sender.send(subscriber.url, {}, b"{}").text == "it is not on the public internet"
    assert subscriber.posts == []
