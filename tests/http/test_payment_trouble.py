"""Purchases while BTCPay fails, is late or repeats itself. Source: payments 17; rows are named."""

from threading import Barrier, Thread
from typing import Any

import httpx
import msgspec
import pytest

from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.secret import Secret
from keysat_http.provider_ticks import check_webhooks
from keysat_http.reconciling import reconcile_invoices
from keysat_http.settling import Pass
from tests.simulators.btcpay.forgeries import forged, reverse_queue
from tests.simulators.btcpay.invoices import Status
from tests.simulators.btcpay.modes import Mode
from tests.simulators.fault_plan import (
    Answer,
    CallAction,
    Cut,
    DelayDelivery,
    DropDelivery,
    DropField,
    DuplicateDelivery,
    Html,
    LoseAnswer,
    ReplaceField,
    StaleRead,
    Timeout,
    Truncate,
)
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.http import PUBLIC_URL
from tests.support.line import is_reading_invoice
from tests.support.sale_outcome import (
    assert_sold_once,
    assert_unsold,
    audited_about,
    webhook_answers,
)

KEY = {"idempotency-key": "a-buyer-who-tries-again"}
SETTLED = "InvoiceSettled"


def deliveries_of(opened: BTCPayShop, event_type: str) -> list[str]:
    """The ids of what was delivered of a type, oldest first."""
    found = opened.fake.deliveries(opened.webhook_id())
    return [one.id for one in found if one.occurrence.event.type == event_type]


# --- again and again ----------------------------------------------------------------------------


@pytest.mark.rows(5)
def test_ten_equal_deliveries_at_once_and_a_pass_beside_them_have_one_effect() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_delivery("InvoiceProcessing", DropDelivery())
        opened.fake.faults.on_delivery(SETTLED, DuplicateDelivery(times=10, is_concurrent=True))
        purchase = opened.buy()
        # All eleven have BTCPay's answer before any of them writes.
        together = Barrier(11)
        opened.line.after = lambda request: is_reading_invoice(request) and together.wait(20)
        beside = Thread(target=lambda: reconcile_invoices(opened.shop.ports))
        beside.start()
        opened.pay(purchase)
        beside.join(20)
        assert not together.broken
        answers = [attempt.status for attempt in opened.fake.journal.attempts(SETTLED)]
        assert answers == [200] * 10
        assert_sold_once(opened, purchase)


@pytest.mark.rows(6)
def test_a_redelivery_after_a_day_changes_nothing() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.pay(purchase)
        license = assert_sold_once(opened, purchase)
        opened.clock.turn(86_400)
        (delivery_id,) = deliveries_of(opened, SETTLED)
        opened.fake.redeliver(opened.webhook_id(), delivery_id)
        assert len(deliveries_of(opened, SETTLED)) == 2
        assert webhook_answers(opened) == {200}
        assert assert_sold_once(opened, purchase) == license


@pytest.mark.rows(6)
def test_a_delivery_whose_answer_was_lost_is_repeated_without_effect() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_delivery(SETTLED, LoseAnswer(), count=3)
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)
        opened.clock.turn(3_600)
        assert len(opened.fake.journal.attempts(SETTLED)) > 1
        assert_sold_once(opened, purchase)


@pytest.mark.rows(9)
def test_an_expiry_told_again_after_the_settlement_is_overtaken() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.tick(901)
        assert_unsold(opened, purchase, "expired")
        opened.fake.mark(purchase["btcpay_invoice_id"], Status.SETTLED)
        assert_sold_once(opened, purchase)
        (delivery_id,) = deliveries_of(opened, "InvoiceExpired")
        opened.fake.redeliver(opened.webhook_id(), delivery_id)
        assert_sold_once(opened, purchase)
        assert audited_about(opened.shop, "invoice.provider_reversed", purchase["invoice_id"]) == []


def test_the_order_of_deliveries_is_of_no_interest() -> None:
    """No BTCPay turns its queue around; two registrations for one address may."""
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_delivery("InvoiceExpired", DelayDelivery(seconds=600))
        purchase = opened.buy()
        opened.clock.turn(910)
        opened.fake.mark(purchase["btcpay_invoice_id"], Status.SETTLED)
        reverse_queue(opened.fake.webhook(opened.webhook_id()))
        opened.clock.turn(600)
        told = [attempt.event_type for attempt in opened.fake.journal.attempts()]
        assert told == [SETTLED, "InvoiceExpired"]
        assert_sold_once(opened, purchase)
        assert audited_about(opened.shop, "invoice.provider_reversed", purchase["invoice_id"]) == []


def test_an_answer_with_another_spelling_of_the_amount_is_the_same_amount() -> None:
    with running_btcpay_shop() as opened:
        for amount in (0.0005, "0.0005", "0.00050000000"):
            opened.fake.faults.on_call("get_invoice", ReplaceField("amount", amount), count=4)
            opened.fake.faults.on_call("get_invoice", ReplaceField("news", [amount]), count=None)
            purchase = opened.buy()
            opened.pay(purchase)
            assert_sold_once(opened, purchase)
            opened.fake.faults.clear()
        assert opened.shop.audited("invoice.amount_mismatch") == 0


@pytest.mark.parametrize("amount", ["0.00040000", "0.00050001"])
def test_another_price_at_btcpay_is_told_and_delivered(amount: str) -> None:
    """Payments 18, row 5: advisory, never a refusal."""
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("get_invoice", ReplaceField("amount", amount), count=None)
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)
        (told,) = audited_about(opened.shop, "invoice.amount_mismatch", purchase["invoice_id"])
        assert told.details == {
            "provider_invoice_id": purchase["btcpay_invoice_id"],
            "expected_amount_sats": 50_000,
            "provider_amount_sats": round(float(amount) * 100_000_000),
        }


@pytest.mark.parametrize(
    "action", [ReplaceField("currency", "USD"), DropField("amount"), ReplaceField("amount", None)]
)
def test_a_price_in_another_currency_or_none_gives_no_opinion(action: CallAction) -> None:
    """Payments 18, row 5."""
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("get_invoice", action, count=None)
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)
        assert opened.shop.audited("invoice.amount_mismatch") == 0


# --- claims BTCPay does not confirm, or not yet ---------------------------------------------------


@pytest.mark.rows(19)
def test_a_settled_claim_with_a_stale_answer_is_cleared_up_by_looking_again() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("get_invoice", StaleRead(20), count=3)
        purchase = opened.buy()
        opened.pay(purchase)
        assert webhook_answers(opened) == {200}
        assert_unsold(opened, purchase, "pending")
        opened.look_again(5)
        assert_unsold(opened, purchase, "pending")
        opened.look_again(30)
        assert_sold_once(opened, purchase)


TROUBLES: list[CallAction] = [
    Timeout(),
    Cut(),
    Answer(500),
    Answer(502, b"<h1>Bad gateway</h1>", "text/html"),
    Answer(429),
    Answer(401, {"code": "unauthenticated", "message": "Authentication is required"}),
    Answer(403, {"code": "missing-permission", "message": "no", "missingPermission": "x"}),
    Answer(404, {"code": "invoice-not-found", "message": "no"}),
    Html(),
    Truncate(),
    DropField("status"),
    ReplaceField("status", None),
    ReplaceField("status", "Frozen"),
]


@pytest.mark.rows(20)
@pytest.mark.parametrize("trouble", TROUBLES, ids=repr)
def test_a_settled_claim_without_an_answer_is_cleared_up_later(trouble: CallAction) -> None:
    with running_btcpay_shop() as opened:
        # Of a server that fails or cannot be read an answer is asked for twice.
        opened.fake.faults.on_delivery("InvoiceProcessing", DropDelivery())
        opened.fake.faults.on_call("get_invoice", trouble, count=None)
        purchase = opened.buy()
        opened.pay(purchase)
        assert webhook_answers(opened) == {200}
        assert_unsold(opened, purchase, "pending")
        opened.look_again(4)
        opened.fake.faults.clear()
        assert_unsold(opened, purchase, "pending")
        opened.look_again(1)
        assert_sold_once(opened, purchase)


# --- creating at BTCPay ---------------------------------------------------------------------------


def try_to_buy(opened: BTCPayShop, **headers: str) -> httpx.Response:
    return opened.shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers)


def invoices(opened: BTCPayShop) -> list[Any]:
    """Our invoices, as far as the audit log knows them."""
    with opened.shop.ports.store.reading() as tx:
        ids = [entry.target_id for entry in tx.trail.list_audit(action="invoice.open", limit=500)]
    return [opened.shop.invoice(id_) for id_ in ids if id_]


@pytest.mark.rows(22)
@pytest.mark.parametrize(
    "lost",
    [Timeout(after_acting=True), Cut(after_acting=True), Html(), Truncate(), DropField("id")],
    ids=repr,
)
def test_an_invoice_created_without_an_answer_is_adopted(lost: CallAction) -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("create_invoice", lost)
        refused = try_to_buy(opened)
        assert (refused.status_code, refused.json()["error"]) == (502, "upstream_error")
        (lacking,) = invoices(opened)
        assert (lacking.provider_invoice_id, lacking.checkout_url) == (None, "")
        (orphan,) = opened.fake.invoices()
        opened.clock.turn(60)
        assert reconcile_invoices(opened.shop.ports) == Pass(changed=1)
        (adopted,) = invoices(opened)
        assert adopted.provider_invoice_id == orphan.id
        assert adopted.checkout_url == f"https://pay.example/btcpay/i/{orphan.id}"
        opened.fake.pay(orphan.id)
        purchase = {"invoice_id": adopted.id, "btcpay_invoice_id": orphan.id}
        assert_sold_once(opened, purchase)


@pytest.mark.rows(22)
def test_a_buyer_who_tries_again_gets_the_invoice_whose_answer_was_lost() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("create_invoice", Timeout(after_acting=True))
        assert try_to_buy(opened, **KEY).status_code == 502
        opened.clock.turn(10)
        answer = try_to_buy(opened, **KEY)
        assert answer.status_code == 200
        (only,) = opened.fake.invoices()
        assert answer.json()["btcpay_invoice_id"] == only.id
        assert answer.json()["checkout_url"]
        opened.fake.pay(only.id)
        assert_sold_once(opened, answer.json())


@pytest.mark.rows(22)
def test_an_orphan_that_was_paid_before_it_was_adopted_is_delivered() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("create_invoice", Cut(after_acting=True))
        try_to_buy(opened)
        (orphan,) = opened.fake.invoices()
        opened.fake.pay(orphan.id)
        assert webhook_answers(opened) == {200}
        (lacking,) = invoices(opened)
        assert lacking.status is InvoiceStatus.PENDING
        opened.tick(60)
        assert_sold_once(opened, {"invoice_id": lacking.id, "btcpay_invoice_id": orphan.id})


@pytest.mark.rows(22)
@pytest.mark.parametrize("lost", [Timeout(), Cut(), Answer(500), Answer(503)])
def test_an_invoice_that_was_never_created_is_dropped(lost: CallAction) -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("create_invoice", lost)
        assert try_to_buy(opened).status_code == 502
        for _ in range(11):
            opened.tick(60)
        (dropped,) = invoices(opened)
        assert dropped.status is InvoiceStatus.INVALID
        assert opened.fake.invoices() == []


@pytest.mark.rows(23)
@pytest.mark.parametrize(
    "refusal",
    [
        Answer(400, {"code": "generic-error", "message": "no payment method"}),
        Answer(401, {"code": "unauthenticated", "message": "no"}),
        Answer(403, {"code": "missing-permission", "message": "no", "missingPermission": "x"}),
        Answer(409, {"code": "conflict", "message": "no"}),
        Answer(422, [{"path": "Amount", "message": "no"}]),
        Answer(400, b"<h1>Nginx</h1>", "text/html"),
    ],
    ids=lambda answer: str(answer.status),
)
def test_a_refusal_to_create_ends_the_invoice_and_the_buyer_may_try_again(refusal: Answer) -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("create_invoice", refusal)
        refused = try_to_buy(opened, **KEY)
        assert (refused.status_code, refused.json()["error"]) == (502, "upstream_error")
        (ended,) = invoices(opened)
        assert (ended.status, ended.provider_invoice_id) == (InvoiceStatus.INVALID, None)
        again = try_to_buy(opened, **KEY)
        assert again.status_code == 200
        assert again.json()["invoice_id"] != ended.id
        opened.pay(again.json())
        assert_sold_once(opened, again.json())


@pytest.mark.rows(23)
@pytest.mark.parametrize(
    "store",
    [
        {"has_wallet": False, "has_lightning": False},
        {"is_node_synced": False, "has_lightning": False},
    ],
)
def test_a_store_that_cannot_be_paid_sells_nothing(store: dict[str, Any]) -> None:
    """What BTCPay itself answers then: no fault is planned."""
    with running_btcpay_shop(**store) as opened:
        refused = try_to_buy(opened)
        assert refused.status_code == 502
        said = refused.json()["message"]
        assert said.startswith("upstream error: the seller's payment service refused; nothing was")
        assert "tell the seller" in said
        assert "later" not in said
        assert opened.fake.invoices() == []


# --- the operator's hand at BTCPay ------------------------------------------------------------------


@pytest.mark.rows(24)
@pytest.mark.parametrize("mode", [Mode.V2_0, Mode.V2_3_4, Mode.V2_4])
def test_a_secret_changed_at_btcpay_costs_time_but_no_sale(mode: Mode) -> None:
    with running_btcpay_shop(mode=mode) as opened:
        opened.fake.rotate_secret(opened.webhook_id())
        purchase = opened.buy()
        opened.pay(purchase)
        assert webhook_answers(opened) == {401}
        assert_unsold(opened, purchase, "pending")
        opened.tick(60)
        assert_sold_once(opened, purchase)
        check_webhooks(opened.shop.ports, PUBLIC_URL)
        warning = opened.shop.admin("GET", "/btcpay/status")["webhook_trouble"]
        assert warning["problem"] == "refused"
        assert warning["detail"].endswith("was answered 401")
        assert "connect it again" in warning["remedy"]


@pytest.mark.rows(25)
@pytest.mark.parametrize("secret", [None, Secret("")])
def test_without_a_secret_nothing_is_believed(secret: Secret | None) -> None:
    with running_btcpay_shop() as opened:
        bare = msgspec.structs.replace(opened.account(), webhook_secret=secret)
        with opened.shop.ports.store.writing() as tx:
            tx.merchants.put_account(bare)
        opened.fake.webhook(opened.webhook_id()).secret = ""
        purchase = opened.buy()
        opened.pay(purchase)
        assert webhook_answers(opened) == {401}
        assert_unsold(opened, purchase, "pending")


@pytest.mark.rows(26)
def test_a_provider_of_another_kind_is_not_found_at_btcpays_landing() -> None:
    with running_btcpay_shop(is_sandbox=True) as opened:
        webhook = opened.fake.webhook(opened.webhook_id())
        forgery = forged(opened.fake.world, webhook, SETTLED, "abc")
        sent: Any = {"headers": dict(forgery.headers), "content": forgery.body}
        own = f"/v1/btcpay/webhook/{opened.account().id}"
        assert opened.shop.client.post(own, **sent).status_code == 200
        for path in (
            f"/v1/btcpay/webhook/{opened.shop.account_id}",
            f"/v1/sandbox/webhook/{opened.account().id}",
            f"/v1/zaprite/webhook/{opened.account().id}",
            "/v1/btcpay/webhook/nobody",
        ):
            assert opened.shop.client.post(path, **sent).status_code == 404, path
