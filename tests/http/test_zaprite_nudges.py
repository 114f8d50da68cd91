"""Unsigned webhooks in numbers: bounded calls, bounded rows, and nothing for strangers.

Source: payments 7.4 and 17 (row 41), public-api 15.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest

from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.limits import BODY_BYTES_MAX, NUDGED_ORDERS_MAX
from keysat_core.use_cases.purchases.note_webhook import Nudge, keep_nudge
from keysat_http.nudging import NudgeLimiter
from keysat_http.receipt_rounds import settle_noted_receipts
from tests.simulators.fault_plan import Answer, Timeout
from tests.support.http import PUBLIC_URL
from tests.support.zaprite_shop import ZapriteShop, running_zaprite_shop


@pytest.fixture
def shop() -> Iterator[ZapriteShop]:
    with running_zaprite_shop() as opened:
        yield opened


@pytest.mark.rows(41)
def test_unknown_orders_cause_no_call_and_no_row(shop: ZapriteShop) -> None:
    assert shop.fake.flood(shop.webhook_url) == Counter({200: 1_000})
    assert shop.calls("get_order") == 0
    assert shop.receipts() == []


@pytest.mark.rows(41)
def test_a_flood_about_known_orders_causes_few_calls_and_few_rows(shop: ZapriteShop) -> None:
    purchases = [shop.buy() for _ in range(3)]
    ids = [purchase["btcpay_invoice_id"] for purchase in purchases]
    assert shop.fake.flood(shop.webhook_url, ids) == Counter({200: 1_000})
    assert shop.calls("get_order") == 3
    assert len(shop.receipts()) == 3
    for _ in range(59):
        shop.clock.turn(1)
        settle_noted_receipts(shop.shop.ports)
        shop.fake.flood(shop.webhook_url, ids, 30)
    assert 3 < shop.calls("get_order") <= 60
    assert len(shop.receipts()) == 3
    assert {shop.status(purchase) for purchase in purchases} == {"pending"}


def test_many_known_orders_share_the_minute(shop: ZapriteShop) -> None:
    ids = []
    for _ in range(70):
        ids.append(shop.buy()["btcpay_invoice_id"])
        shop.clock.turn(10)
    assert shop.fake.flood(shop.webhook_url, ids, 700) == Counter({200: 700})
    assert shop.calls("get_order") == 60


def test_of_two_events_at_once_the_second_is_seen_too(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    id_ = purchase["btcpay_invoice_id"]
    shop.fake.forge(shop.webhook_url, id_)
    shop.fake.pay(id_)
    shop.fake.deliver_due()
    assert shop.status(purchase) == "pending"
    assert shop.calls("get_order") == 1
    shop.clock.turn(1)
    settle_noted_receipts(shop.shop.ports)
    assert shop.calls("get_order") == 1
    shop.clock.turn(1)
    settle_noted_receipts(shop.shop.ports)
    assert shop.status(purchase) == "settled"


def test_a_provider_that_is_left_alone_is_not_asked(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    id_ = purchase["btcpay_invoice_id"]
    shop.fake.faults.on_call("get_order", Answer(503), count=None)
    for _ in range(3):
        shop.fake.forge(shop.webhook_url, id_)
        shop.clock.turn(3)
    asked = shop.calls("get_order")
    shop.fake.forge(shop.webhook_url, id_)
    assert shop.calls("get_order") == asked
    shop.fake.faults.clear()


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"{}", b"[]", b"not json", b'{"eventType":"order.change"}']
)
def test_what_names_no_order_is_refused(shop: ZapriteShop, body: bytes) -> None:
    for path in (shop.webhook_url.removeprefix(PUBLIC_URL), "/v1/zaprite/webhook"):
        answer = shop.shop.client.post(path, content=body)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


def test_other_events_are_acknowledged_and_ignored(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    body = {"event": "contact.change", "data": {"id": purchase["btcpay_invoice_id"]}}
    answer = shop.shop.client.post(shop.webhook_url.removeprefix(PUBLIC_URL), json=body)
    assert (answer.status_code, answer.content) == (200, b"")
    assert shop.calls("get_order") == 0
    assert shop.receipts() == []


def test_an_event_is_heard_however_much_stands_around_it(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    shop.fake.pay(purchase["btcpay_invoice_id"])
    path = shop.webhook_url.removeprefix(PUBLIC_URL)
    body = {"event": "order.paid", "data": {"id": purchase["btcpay_invoice_id"]}}
    around = msgspec.json.encode(body | {"x": ["x"] * 20_000})
    content = around + b" " * (BODY_BYTES_MAX - len(around))
    assert shop.shop.client.post(path, content=content).status_code == 200
    assert shop.status(purchase) == "settled"


def test_a_body_that_is_too_long_is_refused(shop: ZapriteShop) -> None:
    path = shop.webhook_url.removeprefix(PUBLIC_URL)
    assert shop.shop.client.post(path, content=b" " * 2_097_153).status_code == 413


@pytest.mark.rows(26)
def test_the_kind_in_the_path_must_be_the_accounts(shop: ZapriteShop) -> None:
    body = {"event": "order.paid", "id": "x"}
    id_ = shop.account().id
    for path in ("/v1/zaprite/webhook/nobody", f"/v1/btcpay/webhook/{id_}"):
        answer = shop.shop.client.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_the_old_address_serves_the_default_profile(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    shop.fake.remove_webhooks(shop.fake.live)
    shop.fake.add_webhook(f"{PUBLIC_URL}/v1/zaprite/webhook", shop.fake.live)
    shop.fake.pay(purchase["btcpay_invoice_id"])
    shop.fake.deliver_due()
    assert shop.status(purchase) == "settled"
    shop.shop.admin("POST", "/zaprite/disconnect")
    answer = shop.shop.client.post("/v1/zaprite/webhook", json={"event": "order.paid", "id": "x"})
    assert (answer.status_code, answer.json()["error"]) == (503, "btcpay_not_configured")


def test_a_product_deleted_meanwhile_does_no_harm(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    invoice = shop.shop.invoice(purchase["invoice_id"])
    shop.fake.faults.on_call("get_order", Timeout())
    shop.fake.forge(shop.webhook_url, purchase["btcpay_invoice_id"])
    assert len(shop.receipts()) == 1
    shop.shop.delete_product_row(invoice.product_id)
    assert shop.receipts() == []
    assert shop.fake.forge(shop.webhook_url, purchase["btcpay_invoice_id"]) == 200
    gone = Nudge(
        account_id=shop.account().id,
        invoice_id=invoice.id,
        provider_invoice_id="x",
        type="order.change",
    )
    keep_nudge(gone, wait_seconds=0, store=shop.shop.ports.store, clock=shop.clock, ids=RandomIds())
    assert shop.receipts() == []


# --- the limiter by itself ----------------------------------------------------------------------


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def nudge(order: int = 0, account: str = "a") -> Nudge:
    return Nudge(
        account_id=ProviderAccountId(account),
        invoice_id=InvoiceId(f"i{order}"),
        provider_invoice_id=f"o{order}",
        type="order.change",
    )


def test_a_nudge_soon_after_a_look_is_answered_by_one_later_look() -> None:
    time = Time()
    limiter = NudgeLimiter(time)
    assert limiter.wait_of(nudge()) == 0
    time.now += 0.5
    assert limiter.wait_of(nudge()) == 2
    assert [limiter.wait_of(nudge()) for _ in range(9)] == [None] * 9
    time.now += 1.5
    # The tick may have looked already, or may look up to 5 s late.
    assert limiter.wait_of(nudge()) == 7
    time.now += 14
    assert limiter.wait_of(nudge()) == 0


def test_each_account_has_a_minute_of_its_own() -> None:
    time = Time()
    limiter = NudgeLimiter(time)
    assert [limiter.wait_of(nudge(n)) for n in range(61)] == [0] * 60 + [None]
    assert limiter.wait_of(nudge(99, "b")) == 0
    time.now += 60
    assert limiter.wait_of(nudge(61)) == 0


def test_what_is_remembered_is_bounded() -> None:
    time = Time()
    limiter = NudgeLimiter(time)
    for number in range(NUDGED_ORDERS_MAX + 50):
        time.now += 2
        limiter.wait_of(nudge(number))
    assert len(limiter._known) == NUDGED_ORDERS_MAX
    assert len(limiter._looks[ProviderAccountId("a")]) <= 60
