"""The double delivers as BTCPay does: in order, in front of a queue, with BTCPay's retries."""

import httpx
import msgspec
import pytest

from tests.simulators.btcpay.forgeries import forged, reverse_queue
from tests.simulators.btcpay.modes import Mode
from tests.simulators.btcpay.posting import post_through
from tests.simulators.btcpay.webhooks import RETRY_SECONDS, signature
from tests.simulators.exchange import NeverAnswered
from tests.simulators.fault_plan import (
    ANY,
    BadSignature,
    DelayDelivery,
    DropDelivery,
    DuplicateDelivery,
    LoseAnswer,
    Redeliver,
    RefuseConnection,
    SignatureFlaw,
)
from tests.support.btcpay_bench import HOOK_URL, SECRET, Bench

SETTLED, EXPIRED = "InvoiceSettled", "InvoiceExpired"


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_signature_is_the_published_one() -> None:
    body = b'{"type":"InvoiceSettled","invoiceId":"abc"}'
    digest = "cf4253bd2c4c0e6d819e04370e107f7b478ac1231b672559880a38254b538f9e"
    assert signature(SECRET, body) == f"sha256={digest}"


def test_a_delivery_is_written_and_signed_as_btcpay_writes_and_signs(bench: Bench) -> None:
    webhook_id = bench.register(SETTLED)
    invoice = bench.create(metadata={"orderId": "167"})
    bench.fake.pay(invoice)
    ((url, headers, body),) = bench.ear.heard
    delivery_id = msgspec.json.decode(body)["deliveryId"]
    assert url == HOOK_URL
    assert headers == {"content-type": "application/json", "btcpay-sig": signature(SECRET, body)}
    assert body.decode() == (
        "{\n"
        '  "manuallyMarked": false,\n'
        '  "overPaid": false,\n'
        f'  "deliveryId": "{delivery_id}",\n'
        f'  "webhookId": "{webhook_id}",\n'
        f'  "originalDeliveryId": "{delivery_id}",\n'
        '  "isRedelivery": false,\n'
        '  "type": "InvoiceSettled",\n'
        f'  "timestamp": {bench.clock.now()},\n'
        f'  "storeId": "{bench.store.id}",\n'
        f'  "invoiceId": "{invoice}",\n'
        '  "metadata": {\n'
        '    "orderId": "167"\n'
        "  }\n"
        "}"
    )


def test_old_servers_send_no_metadata() -> None:
    bench = Bench(Mode.V1_13)
    bench.register("InvoiceReceivedPayment")
    bench.fake.pay(bench.create())
    (event,) = bench.ear.events()
    assert "metadata" not in event
    assert event["paymentMethod"] == "BTC-LightningNetwork"


def test_nothing_is_sent_inside_the_call_that_caused_it(bench: Bench) -> None:
    bench.register()
    bench.create()
    assert bench.ear.heard == []
    bench.fake.delivers_at_once = False
    bench.fake.pay(bench.create())
    assert bench.ear.heard == []
    bench.fake.deliver_due()
    assert len(bench.ear.heard) == 6


def test_a_failed_delivery_is_retried_eight_times_in_an_hour(bench: Bench) -> None:
    bench.register(SETTLED)
    bench.ear.planned = [500] * 20
    start = bench.clock.now()
    bench.fake.pay(bench.create())
    bench.fake.advance(3 * 60 * 60)
    waits = [
        later - sooner for sooner, later in zip(bench.ear.times, bench.ear.times[1:], strict=False)
    ]
    assert waits == list(RETRY_SECONDS) == [10, 60, 600, 600, 600, 600, 600, 600]
    events = bench.ear.events()
    assert len({event["deliveryId"] for event in events}) == 9
    assert {event["originalDeliveryId"] for event in events} == {events[0]["deliveryId"]}
    assert [event["isRedelivery"] for event in events] == [False] + [True] * 8
    assert {event["timestamp"] for event in events} == {start}


@pytest.mark.parametrize("mode", [Mode.V1_13, Mode.V2_0, Mode.V2_3_4, Mode.V2_4])
@pytest.mark.parametrize(
    ("status", "always_retried"),
    [(400, False), (401, False), (404, False), (302, False), (408, True), (429, True), (503, True)],
)
def test_which_answers_are_retried_depends_on_the_version(
    mode: Mode, status: int, *, always_retried: bool
) -> None:
    bench = Bench(mode)
    bench.register(SETTLED)
    bench.ear.planned = [status]
    bench.fake.pay(bench.create())
    bench.fake.advance(10)
    is_retried = always_retried or mode in {Mode.V1_13, Mode.V2_0}
    assert len(bench.ear.heard) == (2 if is_retried else 1)


@pytest.mark.parametrize("failure", [ConnectionRefusedError(), TimeoutError(), NeverAnswered()])
def test_no_answer_is_always_retried(bench: Bench, failure: Exception) -> None:
    bench.register(SETTLED)
    bench.ear.planned = [failure]
    bench.fake.pay(bench.create())
    bench.fake.advance(10)
    assert len(bench.ear.heard) == 2


def test_a_mistake_of_the_receiver_goes_through(bench: Bench) -> None:
    bench.register(SETTLED)
    bench.ear.planned = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        bench.fake.pay(bench.create())


def test_a_delivery_in_retry_holds_up_what_is_behind_it(bench: Bench) -> None:
    bench.register(SETTLED)
    other = bench.register(SETTLED, url="https://other.test/")
    first, second = bench.create(), bench.create()
    bench.fake.faults.on_delivery(SETTLED, RefuseConnection(), count=1)
    bench.fake.pay(first)
    bench.fake.pay(second)
    assert [
        (url, event["invoiceId"])
        for (url, _, _), event in zip(bench.ear.heard, bench.ear.events(), strict=True)
    ] == [
        ("https://other.test/", first),
        ("https://other.test/", second),
    ]
    bench.fake.advance(10)
    assert [event["invoiceId"] for event in bench.ear.events()[2:]] == [first, second]
    assert len(bench.fake.deliveries(other)) == 2


def test_without_automatic_redelivery_nothing_is_retried(bench: Bench) -> None:
    bench.register(SETTLED, automaticRedelivery=False)
    bench.ear.planned = [500]
    bench.fake.pay(bench.create())
    bench.fake.advance(7200)
    assert len(bench.ear.heard) == 1


@pytest.mark.parametrize("stop", ["disable", "delete", "switch off", "restart"])
def test_retries_stop_when_the_operator_or_a_restart_stops_them(bench: Bench, stop: str) -> None:
    webhook_id = bench.register(SETTLED)
    bench.ear.planned = [500]
    bench.fake.pay(bench.create())
    bench.fake.pay(bench.create())
    match stop:
        case "disable":
            bench.fake.disable_webhook(webhook_id)
        case "delete":
            bench.fake.delete_webhook(webhook_id)
        case "switch off":
            bench.fake.webhook(webhook_id).automatic_redelivery = False
            bench.ear.planned = [500]
        case _:
            bench.fake.restart()
    bench.fake.advance(7200)
    # Switching redelivery off takes the retry that waits, not the delivery queued behind it.
    assert len(bench.ear.heard) == (2 if stop == "switch off" else 1)


def test_a_retry_is_signed_with_the_secret_of_its_day(bench: Bench) -> None:
    webhook_id = bench.register(SETTLED)
    bench.ear.planned = [500]
    bench.fake.pay(bench.create())
    secret = bench.fake.rotate_secret(webhook_id)
    bench.fake.advance(10)
    assert [headers["btcpay-sig"] for _, headers, _ in bench.ear.heard] == [
        signature(SECRET, bench.ear.heard[0][2]),
        signature(secret, bench.ear.heard[1][2]),
    ]


def test_the_log_tells_every_attempt_newest_first(bench: Bench) -> None:
    webhook_id = bench.register(SETTLED)
    bench.ear.planned = [ConnectionResetError("reset"), 500, 200]
    bench.fake.pay(bench.create())
    bench.fake.advance(100)
    path = f"{bench.root}/webhooks/{webhook_id}/deliveries"
    log = bench.client.get(path).json()
    assert [(entry["status"], entry["httpCode"]) for entry in log] == [
        ("HttpSuccess", 200),
        ("HttpError", 500),
        ("Failed", None),
    ]
    assert log[0]["id"] == bench.ear.events()[2]["deliveryId"]
    request = bench.client.get(f"{path}/{log[0]['id']}/request")
    assert request.content == bench.ear.heard[2][2]
    assert bench.client.get(path, params={"count": "1"}).json() == log[:1]
    assert bench.client.get(f"{path}/{log[1]['id']}").json() == log[1]


def test_a_delivery_is_sent_again_by_hand_until_it_is_pruned(bench: Bench) -> None:
    webhook_id = bench.register(EXPIRED)
    bench.create()
    bench.fake.advance(1000)
    original = bench.ear.events()[0]["deliveryId"]
    path = f"{bench.root}/webhooks/{webhook_id}/deliveries/{original}/redeliver"
    bench.fake.advance(86_400)
    new_id = bench.client.post(path).json()
    bench.fake.deliver_due()
    again = bench.ear.events()[1]
    assert (again["deliveryId"], again["originalDeliveryId"]) == (new_id, original)
    assert again["isRedelivery"] is True
    assert again["timestamp"] == bench.ear.events()[0]["timestamp"]
    bench.fake.advance(61 * 86_400)
    answer = bench.client.post(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "webhookdelivery-pruned")


def test_a_dropped_delivery_leaves_no_trace(bench: Bench) -> None:
    webhook_id = bench.register(SETTLED)
    bench.fake.faults.on_delivery(SETTLED, DropDelivery())
    bench.fake.pay(bench.create())
    bench.fake.advance(7200)
    assert (bench.ear.heard, bench.fake.deliveries(webhook_id)) == ([], [])
    bench.fake.check()


def test_a_lost_answer_brings_the_event_again(bench: Bench) -> None:
    bench.register(SETTLED)
    bench.fake.faults.on_delivery(SETTLED, LoseAnswer())
    bench.fake.pay(bench.create())
    bench.fake.advance(10)
    assert [event["isRedelivery"] for event in bench.ear.events()] == [False, True]
    first, second = bench.fake.journal.attempts(SETTLED)
    assert (first.status, second.status) == (None, 200)


@pytest.mark.parametrize("is_concurrent", [False, True])
def test_a_duplicate_is_the_same_bytes(bench: Bench, *, is_concurrent: bool) -> None:
    bench.register(SETTLED)
    action = DuplicateDelivery(times=3, is_concurrent=is_concurrent)
    bench.fake.faults.on_delivery(SETTLED, action)
    bench.fake.pay(bench.create())
    assert len(bench.ear.heard) == 3
    assert len({body for _, _, body in bench.ear.heard}) == 1


def test_a_delay_holds_the_whole_queue(bench: Bench) -> None:
    bench.register(SETTLED)
    bench.fake.faults.on_delivery(SETTLED, DelayDelivery(seconds=30))
    bench.fake.pay(bench.create())
    bench.fake.pay(bench.create())
    assert bench.ear.heard == []
    bench.fake.advance(30)
    assert len(bench.ear.heard) == 2


def test_an_event_can_come_again_as_by_hand(bench: Bench) -> None:
    bench.register(SETTLED)
    bench.fake.faults.on_delivery(SETTLED, Redeliver(after_seconds=86_400))
    bench.fake.pay(bench.create())
    bench.fake.advance(86_400)
    assert [event["isRedelivery"] for event in bench.ear.events()] == [False, True]


@pytest.mark.parametrize("flaw", list(SignatureFlaw))
def test_every_flaw_makes_a_signature_wrong(bench: Bench, flaw: SignatureFlaw) -> None:
    bench.register(SETTLED)
    bench.fake.faults.on_delivery(ANY, BadSignature(flaw))
    bench.fake.pay(bench.create())
    ((_, headers, body),) = bench.ear.heard
    assert headers.get("btcpay-sig") != signature(SECRET, body)


def test_a_forgery_is_well_formed(bench: Bench) -> None:
    webhook = bench.fake.webhook(bench.register(SETTLED))
    forgery = forged(bench.fake.world, webhook, SETTLED, "unknown", store_id="other")
    bench.ear.planned = [401]
    assert bench.fake.send(forgery) == 401
    ((url, headers, body),) = bench.ear.heard
    assert (url, headers["btcpay-sig"]) == (HOOK_URL, signature(SECRET, body))
    assert bench.ear.events()[0]["storeId"] == "other"
    without = forged(bench.fake.world, webhook, "PayoutCreated", None)
    assert "invoiceId" not in msgspec.json.decode(without.body)


def test_webhooks_can_go_through_a_client_in_this_process() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        assert post_through(client)(HOOK_URL, {"btcpay-sig": "sha256=00"}, b"{}") == 204
    assert (str(seen[0].url), seen[0].headers["BTCPay-Sig"]) == (HOOK_URL, "sha256=00")


def test_a_queue_can_be_turned_around(bench: Bench) -> None:
    webhook_id = bench.register("InvoiceProcessing", SETTLED)
    bench.fake.delivers_at_once = False
    bench.fake.pay(bench.create())
    reverse_queue(bench.fake.webhook(webhook_id))
    bench.fake.deliver_due()
    assert bench.ear.types() == [SETTLED, "InvoiceProcessing"]


def test_a_webhook_hears_only_what_it_asked_for_in_its_own_store(bench: Bench) -> None:
    bench.register(EXPIRED)
    other = bench.fake.add_store()
    client = bench.client_with(bench.fake.add_key(other.id))
    body = {"amount": "0.001", "currency": "BTC"}
    invoice = client.post(f"/api/v1/stores/{other.id}/invoices", json=body).json()
    bench.fake.pay(bench.create())
    bench.fake.advance(1000)
    assert bench.fake.invoice(invoice["id"]).status == "Expired"
    assert bench.ear.heard == []
