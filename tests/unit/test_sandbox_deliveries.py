import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from keysat_adapters.sandbox.deliveries import DELIVERIES_PER_PASS
from keysat_adapters.sandbox.gate import load_sandbox
from keysat_adapters.sandbox.http_send import HTTPSend
from keysat_core.errors import ConfigurationError
from keysat_core.ports.sandbox import PretendPayment
from tests.support.sandbox_shop import (
    ACCOUNT,
    START,
    CountingEntropy,
    HandClock,
    Letter,
    Shop,
    open_shop,
    order_of,
)

EIGHT_RETRIES = [0, 10, 70, 670, 1270, 1870, 2470, 3070, 3670]


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def with_one_webhook(shop: Shop) -> str:
    id_ = shop.sell()
    shop.sandbox.till.act(id_, PretendPayment.MARK_SETTLED)
    return id_


def deliver_each_second(shop: Shop, seconds: int) -> list[int]:
    """Deliver every second; give when something was sent, in seconds from the start."""
    for _ in range(seconds):
        shop.deliver()
        shop.clock.turn(1)
    return [letter.sent_at - START for letter in shop.receiver.letters]


def test_webhooks_wait_until_somebody_delivers(shop: Shop) -> None:
    with_one_webhook(shop)
    assert shop.receiver.letters == []
    assert shop.deliver() == 1
    assert [letter.type for letter in shop.receiver.letters] == ["InvoiceSettled"]


def test_an_accepted_webhook_is_not_sent_again(shop: Shop) -> None:
    with_one_webhook(shop)
    assert deliver_each_second(shop, 5_000) == [0]


@pytest.mark.parametrize("answer", [None, 408, 429, 500, 502, 503, 599])
def test_a_receiver_in_trouble_is_tried_eight_times_more(shop: Shop, answer: int | None) -> None:
    shop.receiver.answer = answer
    with_one_webhook(shop)
    assert deliver_each_second(shop, 5_000) == EIGHT_RETRIES


@pytest.mark.parametrize("answer", [301, 302, 400, 401, 403, 404, 409, 422])
def test_a_receiver_that_refuses_is_never_asked_again(shop: Shop, answer: int) -> None:
    shop.receiver.answer = answer
    with_one_webhook(shop)
    assert deliver_each_second(shop, 5_000) == [0]


@pytest.mark.parametrize("answer", [200, 202, 204])
def test_retries_end_with_the_first_acceptance(shop: Shop, answer: int) -> None:
    shop.receiver.answers = [None, 500, answer]
    shop.receiver.answer = 500
    with_one_webhook(shop)
    assert deliver_each_second(shop, 5_000) == EIGHT_RETRIES[:3]


def test_only_accepted_webhooks_are_counted(shop: Shop) -> None:
    shop.receiver.answers = [500]
    with_one_webhook(shop)
    assert shop.deliver() == 0
    shop.clock.turn(10)
    assert shop.deliver() == 1


def test_a_repeat_has_an_id_of_its_own_and_a_fresh_signature(shop: Shop) -> None:
    shop.receiver.answers = [500]
    id_ = with_one_webhook(shop)
    deliver_each_second(shop, 11)
    first, repeat = shop.receiver.letters
    assert first.fields["isRedelivery"] is False
    assert repeat.fields["isRedelivery"] is True
    assert repeat.fields["originalDeliveryId"] == first.fields["deliveryId"]
    assert repeat.fields["deliveryId"] != first.fields["deliveryId"]
    assert repeat.fields["timestamp"] == first.fields["timestamp"] == START
    for letter in (first, repeat):
        notice = shop.provider.parse_webhook(letter.headers, letter.body)
        assert notice.provider_invoice_id == id_
        assert notice.delivery_id == letter.fields["deliveryId"]


def test_webhooks_leave_in_order_and_a_failing_one_holds_back_those_behind(shop: Shop) -> None:
    shop.receiver.answers = [500]
    shop.sandbox.till.act(shop.sell(), PretendPayment.PAY)
    shop.deliver()
    assert shop.receiver.take_types() == ["InvoiceReceivedPayment"]
    shop.clock.turn(9)
    assert shop.deliver() == 0
    shop.clock.turn(1)
    assert shop.deliver() == 4
    assert shop.receiver.take_types() == [
        "InvoiceReceivedPayment",
        "InvoiceProcessing",
        "InvoicePaymentSettled",
        "InvoiceSettled",
    ]


def test_a_webhook_given_up_lets_the_next_one_pass(shop: Shop) -> None:
    shop.receiver.answers = [404]
    shop.sandbox.till.act(shop.sell(), PretendPayment.PAY)
    assert shop.deliver() == 3


def test_one_pass_sends_a_bounded_number(shop: Shop) -> None:
    for _ in range(DELIVERIES_PER_PASS // 4 + 1):
        shop.sandbox.till.act(shop.sell(), PretendPayment.PAY)
    assert shop.deliver() == DELIVERIES_PER_PASS
    assert shop.deliver() == 4


def test_what_is_being_sent_is_not_sent_by_another() -> None:
    sent: list[str] = []
    clock = HandClock()

    def send(path: str, headers: Mapping[str, str], body: bytes) -> int:
        sent.append(Letter(path, dict(headers), body, clock.now()).type)
        assert sandbox.deliveries.deliver_due(clock.now()) == 0
        return 200

    sandbox = load_sandbox(
        is_sandbox_mode=True,
        ledger_path=None,
        public_base="https://shop.example",
        clock=clock,
        entropy=CountingEntropy(),
        send=send,
        after_act=lambda: None,
    )
    created = sandbox.provider_for(ACCOUNT).create_invoice(order_of())
    sandbox.till.act(created.provider_invoice_id, PretendPayment.PAY)
    assert sandbox.deliveries.deliver_due(clock.now()) == 4
    assert len(sent) == 4


class SenderDied(Exception):
    pass


def test_a_webhook_whose_sender_died_is_sent_again_after_a_minute() -> None:
    shop = open_shop()
    died = False

    def dying_once(path: str, headers: Mapping[str, str], body: bytes) -> int | None:
        nonlocal died
        if not died:
            died = True
            raise SenderDied
        return shop.receiver(path, headers, body)

    sandbox = load_sandbox(
        is_sandbox_mode=True,
        ledger_path=None,
        public_base="https://shop.example",
        clock=shop.clock,
        entropy=CountingEntropy(),
        send=dying_once,
        after_act=lambda: None,
    )
    created = sandbox.provider_for(ACCOUNT).create_invoice(order_of())
    sandbox.till.act(created.provider_invoice_id, PretendPayment.MARK_SETTLED)
    with pytest.raises(SenderDied):
        sandbox.deliveries.deliver_due(shop.clock.now())
    shop.clock.turn(59)
    assert sandbox.deliveries.deliver_due(shop.clock.now()) == 0
    shop.clock.turn(1)
    assert sandbox.deliveries.deliver_due(shop.clock.now()) == 1


def test_many_hands_on_one_file_send_every_webhook_once(tmp_path: Path) -> None:
    shops = [open_shop(tmp_path / "sandbox.db", seed=f"hand {n}") for n in range(4)]

    def work(shop: Shop) -> None:
        for _ in range(5):
            shop.sandbox.till.act(shop.sell(), PretendPayment.MARK_SETTLED)
            shop.deliver()

    hands = [threading.Thread(target=work, args=(shop,)) for shop in shops]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    shops[0].deliver()
    ids = [letter.fields["deliveryId"] for shop in shops for letter in shop.receiver.letters]
    assert len(ids) == len(set(ids)) == 20


def test_many_hands_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    secrets: list[bytes] = []

    def work(seed: str) -> None:
        start.wait()
        shop = open_shop(tmp_path / "sandbox.db", seed=seed, delivers_at_once=True)
        shop.sandbox.till.act(shop.sell(), PretendPayment.MARK_SETTLED)
        secrets.append(shop.sandbox.deliveries._ledger.webhook_secret().reveal().encode())

    hands = [threading.Thread(target=work, args=(f"hand {n}",)) for n in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert len(secrets) == 8
    assert len(set(secrets)) == 1


class _Landing(BaseHTTPRequestHandler):
    """Answers with the number in the path; redirects point at a path that would answer 200."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def landing() -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []
    kind = type("Landing", (_Landing,), {"bodies": bodies})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_the_answer_is_given_as_it_came(landing: tuple[str, list[bytes]], status: int) -> None:
    base_url, bodies = landing
    assert HTTPSend(base_url=base_url)(f"/{status}", {"sandbox-sig": "x"}, b"{}") == status
    assert bodies == [b"{}"]


def test_nobody_there_is_no_answer() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    assert HTTPSend(base_url=f"http://127.0.0.1:{port}")("/200", {}, b"{}") is None


@pytest.mark.parametrize(
    "base_url",
    [
        "http://192.0.2.1",
        "http://shop.example",
        "https://127.0.0.1",
        "http://0.0.0.0",
        "http://127.0.0.1.shop.example",
        "http://127.0.0.1@shop.example",
        "ftp://127.0.0.1",
        "",
    ],
)
def test_only_this_machine_is_sent_to(base_url: str) -> None:
    with pytest.raises(ConfigurationError):
        HTTPSend(base_url=base_url)


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080"]
)
def test_this_machine_has_several_names(base_url: str) -> None:
    HTTPSend(base_url=base_url)
