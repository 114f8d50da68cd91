"""Buying through Zaprite: webhooks that prove nothing, and what the shop makes of them.

Source: payments 7, 9.1 and the rows of 17 that are Zaprite's.
"""

from collections.abc import Iterator
from itertools import permutations

import pytest

from keysat_http.receipt_rounds import settle_noted_receipts
from tests.simulators.fault_plan import Answer, CallAction, Cut, Html, StaleRead, Timeout
from tests.simulators.zaprite.webhook_body import BodyShape
from tests.support.http import PUBLIC_URL
from tests.support.zaprite_shop import ZapriteShop, running_zaprite_shop


@pytest.fixture
def shop() -> Iterator[ZapriteShop]:
    with running_zaprite_shop() as opened:
        yield opened


@pytest.mark.parametrize("shape", BodyShape)
@pytest.mark.rows(34)
def test_every_shape_settles_on_the_nudge(shape: BodyShape) -> None:
    with running_zaprite_shop(body_shape=shape) as shop:
        purchase = shop.buy()
        shop.fake.pay(purchase["btcpay_invoice_id"])
        shop.fake.deliver_due()
        status = shop.shop.poll(purchase["invoice_id"])
        assert (status["status"], bool(status["license_key"])) == ("settled", True)


def test_a_webhook_is_answered_with_nothing(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    answer = shop.shop.client.post(
        shop.webhook_url.removeprefix(PUBLIC_URL),
        content=b'{"eventType":"order.change","orderId":"%s"}'
        % purchase["btcpay_invoice_id"].encode(),
        headers={"content-type": "text/plain"},
    )
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.rows(35)
def test_three_events_in_any_order_have_one_effect() -> None:
    for order in permutations(range(3)):
        with running_zaprite_shop() as shop:
            purchase = shop.buy()
            id_ = purchase["btcpay_invoice_id"]
            shop.fake.pay(id_, "BITCOIN")
            shop.fake.confirm(id_)
            shop.fake.complete(id_)
            shapes = ["order.change", "order.paid", "order.complete"]
            for number in order:
                answer = shop.shop.client.post(
                    shop.webhook_url.removeprefix(PUBLIC_URL),
                    json={"event": shapes[number], "data": {"id": id_}},
                )
                assert answer.status_code == 200
            shop.tick(10)
            assert shop.status(purchase) == "settled"
            assert len(shop.shop.licenses()) == 1
            shop.fake.deliveries.clear()


def test_events_at_once_have_one_effect(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    shop.fake.pay(purchase["btcpay_invoice_id"], "BITCOIN")
    shop.fake.confirm(purchase["btcpay_invoice_id"])
    for _ in range(5):
        shop.fake.announce(purchase["btcpay_invoice_id"])
    shop.fake.deliver_in_parallel()
    shop.tick(10)
    assert shop.status(purchase) == "settled"
    assert len(shop.shop.licenses()) == 1


@pytest.mark.parametrize("shape", BodyShape)
@pytest.mark.parametrize(
    "said", ["PAID", "COMPLETE", "OVERPAID", "EXPIRED", "INVALID", "CANCELLED", "REFUNDED"]
)
@pytest.mark.rows(7, 8)
def test_a_forged_event_changes_nothing(shop: ZapriteShop, shape: BodyShape, said: str) -> None:
    purchase = shop.buy()
    id_ = purchase["btcpay_invoice_id"]
    assert shop.fake.forge(shop.webhook_url, id_, shape=shape, status=said) == 200
    shop.tick(10)
    assert shop.status(purchase) == "pending"
    assert shop.shop.licenses() == []


def test_what_is_settled_stays_so(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    id_ = purchase["btcpay_invoice_id"]
    shop.fake.pay(id_)
    shop.fake.deliver_due()
    shop.clock.turn(10)
    shop.fake.abandon(id_)
    shop.fake.deliver_due()
    assert shop.status(purchase) == "settled"
    assert shop.shop.audited("invoice.provider_reversed") == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [("ABANDONED", "expired"), ("EXPIRED", "expired"), ("CANCELED", "invalid")],
)
@pytest.mark.rows(36)
def test_an_order_that_ended_ends_the_invoice(
    shop: ZapriteShop, status: str, expected: str
) -> None:
    purchase = shop.buy()
    shop.fake.set_status(purchase["btcpay_invoice_id"], status)
    shop.fake.deliver_due()
    assert shop.status(purchase) == expected


@pytest.mark.rows(36)
def test_a_status_nobody_knows_keeps_the_order_alive(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    id_ = purchase["btcpay_invoice_id"]
    shop.fake.set_status(id_, "MELTED")
    shop.fake.deliver_due()
    assert shop.status(purchase) == "pending"
    assert shop.shop.invoice(purchase["invoice_id"]).provider_status_raw == "MELTED"
    shop.clock.turn(10)
    shop.fake.set_status(id_, "PAID")
    shop.fake.deliver_due()
    assert shop.status(purchase) == "settled"


def test_the_order_lasts_a_day(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    shop.clock.turn(86_399)
    assert shop.fake.status(purchase["btcpay_invoice_id"]) == "PENDING"
    shop.tick(2)
    assert shop.status(purchase) == "expired"


@pytest.mark.rows(37)
def test_a_payment_under_way_outlives_the_day(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    id_ = purchase["btcpay_invoice_id"]
    shop.clock.turn(86_000)
    shop.fake.pay(id_, "BITCOIN")
    shop.fake.deliver_due()
    shop.tick(1_000)
    assert shop.status(purchase) == "pending"
    shop.fake.confirm(id_)
    shop.fake.deliver_due()
    assert shop.status(purchase) == "settled"
    assert len(shop.shop.licenses()) == 1


# --- an end after a payment was under way -------------------------------------------------------


def seen_under_way(shop: ZapriteShop) -> dict[str, str]:
    purchase = shop.buy()
    shop.fake.pay(purchase["btcpay_invoice_id"], "BITCOIN")
    shop.tick(3)
    assert shop.shop.invoice(purchase["invoice_id"]).provider_status_raw == "PROCESSING"
    return purchase


def test_one_look_at_an_end_does_not_count_while_money_was_under_way(shop: ZapriteShop) -> None:
    purchase = seen_under_way(shop)
    shop.fake.set_status(purchase["btcpay_invoice_id"], "ABANDONED")
    shop.tick(10)
    assert shop.status(purchase) == "pending"
    kept = shop.shop.invoice(purchase["invoice_id"])
    assert kept.provider_status_raw == "PROCESSING, then ABANDONED"
    for _ in range(5):
        shop.tick(10)
        shop.fake.announce(purchase["btcpay_invoice_id"])
        shop.fake.deliver_due()
        assert shop.status(purchase) == "pending"
    shop.tick(61)
    assert shop.status(purchase) == "expired"
    assert shop.shop.invoice(purchase["invoice_id"]).provider_status_raw == "ABANDONED"


def test_money_that_came_after_all_settles(shop: ZapriteShop) -> None:
    purchase = seen_under_way(shop)
    shop.fake.set_status(purchase["btcpay_invoice_id"], "ABANDONED")
    shop.tick(10)
    shop.fake.set_status(purchase["btcpay_invoice_id"], "PAID")
    shop.tick(61)
    assert shop.status(purchase) == "settled"


def test_a_payment_that_came_to_nothing_lets_the_order_end_at_once(shop: ZapriteShop) -> None:
    purchase = seen_under_way(shop)
    shop.fake.replace(purchase["btcpay_invoice_id"])
    shop.tick(61)
    assert shop.shop.invoice(purchase["invoice_id"]).provider_status_raw == "PENDING"
    shop.fake.abandon(purchase["btcpay_invoice_id"])
    shop.tick(61)
    assert shop.status(purchase) == "expired"


# --- when Zaprite is slow, wrong or away --------------------------------------------------------


@pytest.mark.parametrize(
    "action", [Answer(500), Answer(401), Answer(429), Timeout(), Cut(), Html(), StaleRead()]
)
def test_a_look_that_cleared_nothing_up_is_repeated(shop: ZapriteShop, action: CallAction) -> None:
    purchase = shop.buy()
    shop.clock.turn(1)
    shop.fake.pay(purchase["btcpay_invoice_id"])
    shop.fake.faults.on_call("get_order", action, count=None)
    shop.fake.deliver_due()
    assert shop.status(purchase) == "pending"
    shop.fake.faults.clear()
    shop.tick(60)
    assert shop.status(purchase) == "settled"
    assert len(shop.shop.licenses()) == 1


def test_a_failed_look_is_repeated_after_five_seconds(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    shop.fake.pay(purchase["btcpay_invoice_id"])
    shop.fake.faults.on_call("get_order", Timeout())
    shop.fake.deliver_due()
    assert shop.status(purchase) == "pending"
    shop.clock.turn(5)
    settle_noted_receipts(shop.shop.ports)
    assert shop.status(purchase) == "settled"


def test_without_any_webhook_a_payment_is_found(shop: ZapriteShop) -> None:
    shop.fake.remove_webhooks(shop.fake.live)
    purchase = shop.buy()
    shop.fake.pay(purchase["btcpay_invoice_id"])
    shop.tick(60)
    assert shop.status(purchase) == "settled"


def test_an_order_whose_creation_was_not_answered_is_found_again(shop: ZapriteShop) -> None:
    shop.fake.faults.on_call("create_order", Timeout(after_acting=True))
    answer = shop.shop.post("/v1/purchase", product="app")
    assert answer.status_code == 502
    (order_id,) = shop.fake.live.orders
    shop.fake.pay(order_id)
    shop.tick(60)
    assert len(shop.shop.licenses()) == 1


@pytest.mark.parametrize("action", [Answer(400), Answer(401), Answer(403), Answer(422)])
def test_a_refused_creation_ends_the_invoice(shop: ZapriteShop, action: CallAction) -> None:
    shop.fake.faults.on_call("create_order", action)
    answer = shop.shop.post("/v1/purchase", product="app")
    assert (answer.status_code, answer.json()["error"]) == (502, "upstream_error")
    assert shop.fake.live.api_key not in answer.text


def test_a_price_zaprite_changed_is_audited(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    order = shop.fake.order(purchase["btcpay_invoice_id"])
    order.total_amount += 1
    shop.fake.set_status(order.id, "PAID")
    shop.fake.deliver_due()
    assert shop.status(purchase) == "settled"
    assert shop.shop.audited("invoice.amount_mismatch") == 1


def test_a_refund_is_told_and_revokes_nothing(shop: ZapriteShop) -> None:
    purchase = shop.buy()
    shop.fake.pay(purchase["btcpay_invoice_id"])
    shop.fake.deliver_due()
    shop.clock.turn(10)
    shop.fake.refund(purchase["btcpay_invoice_id"])
    shop.fake.deliver_due()
    assert shop.shop.poll(purchase["invoice_id"])["license_key"]
    assert [e for e in shop.shop.events() if e.event_type == "invoice.refunded"]
