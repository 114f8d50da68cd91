"""The Zaprite double's webhooks: bare, unsigned, several for one payment, and in no order."""

import threading
from collections.abc import Callable, Mapping

import httpx
import msgspec
import pytest

from tests.simulators.exchange import NeverAnswered
from tests.simulators.fault_plan import (
    DelayDelivery,
    DropDelivery,
    DuplicateDelivery,
    LoseAnswer,
    Redeliver,
    RefuseConnection,
)
from tests.simulators.journal import Journal
from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.simulators.zaprite.webhook_body import BodyShape
from tests.support.zaprite_caller import ZapriteCaller

URL = "https://shop.example/v1/zaprite/webhook/one"


class Receiver:
    """Takes webhooks; what it answers is up to the test."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.answer: Callable[[], int] = lambda: 200

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert (url, dict(headers)) == (URL, {"content-type": "application/json"})
        self.bodies.append(body)
        return self.answer()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def zaprite(receiver: Receiver) -> FakeZaprite:
    zaprite = FakeZaprite(VirtualClock(), 7, receiver.post)
    zaprite.add_webhook(URL, zaprite.live)
    return zaprite


@pytest.fixture
def caller(zaprite: FakeZaprite) -> ZapriteCaller:
    return ZapriteCaller(zaprite)


def test_a_webhook_names_the_order_and_says_nothing_of_it(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    order = caller.order()
    zaprite.pay(order)
    zaprite.advance(0)
    body = f'{{"eventType":"order.change","orderId":"{order}","orgId":"{zaprite.live.id}"}}'
    assert receiver.bodies == [body.encode()] * 2


@pytest.mark.parametrize(("method", "count"), [("CARD", 2), ("LIGHTNING", 2), ("BITCOIN", 4)])
def test_each_change_of_status_or_transaction_is_told(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver, method: str, count: int
) -> None:
    order = caller.order()
    zaprite.pay(order, method)
    zaprite.confirm(order)
    assert receiver.bodies == []
    assert zaprite.deliver_due() == len(receiver.bodies) == count


def test_only_the_organization_of_the_order_is_told(
    zaprite: FakeZaprite, receiver: Receiver
) -> None:
    zaprite.pay(ZapriteCaller(zaprite, zaprite.sandbox.api_key).order())
    assert zaprite.deliver_due() == 0


def test_nothing_is_sent_from_inside_a_call(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    order = caller.order(contactId=caller.contact(), allowSavePaymentProfile=True)
    zaprite.pay(order)
    profile = zaprite.attach_profile(order)
    zaprite.deliver_due()
    receiver.bodies.clear()
    caller.post("/v1/orders/charge", orderId=caller.order(), paymentProfileId=profile)
    assert receiver.bodies == []
    assert zaprite.deliver_due() == 2


def test_the_receiver_may_ask_back_from_another_thread(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    order = caller.order()
    statuses: list[str] = []

    def ask_back() -> int:
        asking = threading.Thread(target=lambda: statuses.append(caller.read(order)["status"]))
        asking.start()
        asking.join(timeout=10)
        assert not asking.is_alive()
        return 200

    receiver.answer = ask_back
    zaprite.pay(order)
    zaprite.advance(0)
    assert statuses == ["PAID", "PAID"]


@pytest.mark.parametrize(
    "trouble", [500, 401, 302, NeverAnswered(), ConnectionResetError(), httpx.ReadTimeout("")]
)
def test_a_webhook_comes_again_until_it_is_taken(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver, trouble: int | Exception
) -> None:
    def fail() -> int:
        if isinstance(trouble, Exception):
            raise trouble
        return trouble

    receiver.answer = fail
    zaprite.set_status(caller.order(), "PAID")
    zaprite.advance(25)
    assert len(receiver.bodies) == 3
    receiver.answer = lambda: 204
    zaprite.advance(1_000)
    assert len(receiver.bodies) == 4
    started = zaprite.clock.now() - 1_025
    assert [tried.at - started for tried in zaprite.journal.attempts()] == [0, 10, 20, 30]


def test_a_webhook_nobody_takes_is_given_up(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    receiver.answer = lambda: 503
    zaprite.set_status(caller.order(), "PAID")
    zaprite.advance(10_000)
    assert len(receiver.bodies) == 7
    assert len(zaprite.deliveries) == 0


def test_a_mistake_of_the_receiver_is_not_swallowed(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    def break_down() -> int:
        raise ZeroDivisionError

    receiver.answer = break_down
    zaprite.pay(caller.order())
    with pytest.raises(ZeroDivisionError):
        zaprite.deliver_due()


def test_the_order_of_webhooks_is_drawn(receiver: Receiver) -> None:
    zaprite = FakeZaprite(VirtualClock(), 7, receiver.post, spread_seconds=20)
    zaprite.add_webhook(URL, zaprite.live)
    caller = ZapriteCaller(zaprite)
    orders = [caller.order() for _ in range(10)]
    for order in orders:
        zaprite.set_status(order, "PAID")
    zaprite.advance(20)
    told = [msgspec.json.decode(body)["orderId"] for body in receiver.bodies]
    assert sorted(told) == sorted(orders)
    assert told != orders
    assert len({tried.at for tried in zaprite.journal.attempts()}) > 3


def test_webhooks_may_come_at_the_same_moment(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    together = threading.Barrier(4)

    def wait_for_the_others() -> int:
        together.wait(timeout=10)
        return 200

    receiver.answer = wait_for_the_others
    order = caller.order()
    for _ in range(4):
        zaprite.announce(order)
    assert zaprite.deliver_in_parallel(4) == 4


@pytest.mark.parametrize(
    ("shape", "status", "body"),
    [
        (BodyShape.EVENT_AND_DATA_ID, "PAID", {"event": "order.paid", "data": {"id": "*"}}),
        (BodyShape.EVENT_AND_DATA_ID, "ABANDONED", {"event": "order.change", "data": {"id": "*"}}),
        (
            BodyShape.TYPE_AND_DATA_STATUS,
            "PAID",
            {"type": "order.change", "data": {"id": "*", "status": "PAID"}},
        ),
        (
            BodyShape.NAME_AND_DATA_OBJECT,
            "EXPIRED",
            {"name": "order.expired", "data": {"object": {"id": "*"}}},
        ),
    ],
)
def test_older_shapes_can_be_sent(
    receiver: Receiver, shape: BodyShape, status: str, body: dict[str, object]
) -> None:
    zaprite = FakeZaprite(VirtualClock(), 7, receiver.post, body_shape=shape)
    zaprite.add_webhook(URL, zaprite.live)
    order = ZapriteCaller(zaprite).order()
    zaprite.set_status(order, status)
    zaprite.deliver_due()
    told = [msgspec.json.decode(sent.replace(order.encode(), b"*")) for sent in receiver.bodies]
    assert told == [body]


def test_deliveries_fail_as_planned(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    def sent_after(seconds: int) -> int:
        receiver.bodies.clear()
        zaprite.advance(seconds)
        return len(receiver.bodies)

    order = caller.order()
    for action, at_once, in_a_minute in (
        (DropDelivery(), 0, 0),
        (LoseAnswer(), 1, 1),
        (RefuseConnection(), 0, 1),
        (DuplicateDelivery(3), 3, 0),
        (DuplicateDelivery(5, is_concurrent=True), 5, 0),
        (DelayDelivery(30), 0, 1),
        (Redeliver(30), 1, 1),
    ):
        zaprite.faults.on_delivery("order.change", action)
        zaprite.announce(order)
        assert (action, sent_after(0), sent_after(60)) == (action, at_once, in_a_minute)
    assert zaprite.unused() == []


def test_a_delayed_webhook_is_overtaken(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    first, second = caller.order(), caller.order()
    zaprite.faults.on_delivery("order.change", DelayDelivery(5))
    zaprite.announce(first)
    zaprite.advance(1)
    zaprite.announce(second)
    zaprite.advance(60)
    assert [msgspec.json.decode(body)["orderId"] for body in receiver.bodies] == [second, first]


def test_anybody_can_forge_one(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    order = caller.order()
    shape = BodyShape.EVENT_AND_DATA_ID
    assert zaprite.forge(URL, order, shape=shape, status="EXPIRED") == 200
    assert msgspec.json.decode(receiver.bodies[0]) == {
        "event": "order.expired",
        "data": {"id": order},
    }
    assert zaprite.status(order) == "PENDING"
    [attempt] = zaprite.journal.attempts()
    assert attempt.fault == "Forged"


def test_a_flood_is_forged_in_turn_or_about_nothing(
    zaprite: FakeZaprite, caller: ZapriteCaller, receiver: Receiver
) -> None:
    orders = [caller.order(), caller.order()]
    assert zaprite.flood(URL, orders) == {200: 1_000}
    assert len(set(receiver.bodies)) == 2
    assert zaprite.flood(URL, count=50) == {200: 50}
    assert len(set(receiver.bodies)) == 52


def test_threads_may_call_pay_and_deliver_at_once(receiver: Receiver) -> None:
    zaprite = FakeZaprite(VirtualClock(), 7, receiver.post, journal=Journal(0))
    zaprite.add_webhook(URL, zaprite.live)

    def trade() -> None:
        caller = ZapriteCaller(zaprite)
        for _ in range(25):
            zaprite.pay(caller.order())
            zaprite.deliver_due()

    threads = [threading.Thread(target=trade) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    zaprite.deliver_due()
    assert len(receiver.bodies) == 8 * 25 * 2
    assert {order.status for order in zaprite.live.orders.values()} == {"PAID"}
