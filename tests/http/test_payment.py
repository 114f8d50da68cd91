"""From payment to license: webhooks, receipts, and the round over all invoices that are due.

Source: public-api 6.2, 15; payments 9-10; decisions 17-18.
"""

from collections.abc import Iterator, Mapping

import pytest

from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.provider_health import LEAVE_ALONE_SECONDS
from keysat_core.domain.receipt import ReceiptOutcome
from keysat_core.errors import ProviderNotLoaded, ProviderUnavailable
from keysat_core.limits import RECEIPT_DAYS
from keysat_core.ports.sandbox import PretendPayment
from keysat_core.use_cases.purchases.note_webhook import follow_up_receipt
from keysat_http.receipt_rounds import settle_noted_receipts
from keysat_http.reconciling import reconcile_backlog, reconcile_invoices
from keysat_http.settling import Pass, purge
from keysat_http.shop_ticks import shop_ticks
from tests.support.shop import Shop, running_shop

DOWN = ProviderUnavailable("read invoice", "timeout")


def outcomes(shop: Shop) -> list[str]:
    """What became of the webhooks, by asking for those that still wait."""
    with shop.ports.store.reading() as tx:
        due = tx.receipts.list_noted(shop.ports.clock.now(), 100, but_of=frozenset())
        receipts = [tx.receipts.find_receipt(one.id) for one in due]
    return [receipt.outcome for receipt in receipts if receipt is not None]


def test_a_paid_purchase_gives_a_license_once_the_webhook_comes(shop: Shop) -> None:
    shop.add_product()
    sold = shop.sell()
    assert sold["status"] == "settled"
    assert shop.validate(sold["license_key"])["ok"] is True
    assert outcomes(shop) == []


def test_webhooks_repeated_and_late_issue_one_license(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    shop.deliver()
    reconcile_invoices(shop.ports)
    shop.act(shop.buy(), PretendPayment.PAY)
    shop.deliver()
    assert len(shop.licenses()) == 2
    assert shop.audited("license.issue") == 2


@pytest.mark.parametrize(
    ("payment", "status"),
    [
        (PretendPayment.UNDERPAY, InvoiceStatus.PENDING),
        (PretendPayment.EXPIRE, InvoiceStatus.EXPIRED),
        (PretendPayment.MARK_INVALID, InvoiceStatus.INVALID),
        (PretendPayment.MARK_SETTLED, InvoiceStatus.SETTLED),
    ],
)
def test_what_happens_at_the_provider_shows_in_the_poll(
    shop: Shop, payment: PretendPayment, status: InvoiceStatus
) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, payment)
    shop.deliver()
    polled = shop.poll(purchase["invoice_id"])
    assert polled["status"] == status
    assert (polled["license_key"] is not None) is (status is InvoiceStatus.SETTLED)


def test_a_late_payment_waits_for_the_seller(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.EXPIRE)
    shop.deliver()
    shop.act(purchase, PretendPayment.PAY_LATE)
    shop.deliver()
    assert shop.poll(purchase["invoice_id"])["status"] == "expired"
    shop.act(purchase, PretendPayment.MARK_SETTLED)
    shop.deliver()
    assert shop.poll(purchase["invoice_id"])["license_key"] is not None


def test_a_refund_takes_no_license_away(shop: Shop) -> None:
    shop.add_product()
    sold = shop.sell()
    shop.act({"btcpay_invoice_id": provider_id(shop, sold)}, PretendPayment.REFUND)
    shop.deliver()
    assert shop.poll(sold["invoice_id"])["license_key"] == sold["license_key"]


def provider_id(shop: Shop, sold: dict[str, str]) -> str:
    found = shop.invoice(sold["invoice_id"]).provider_invoice_id
    assert found is not None
    return found


def test_a_webhook_is_answered_with_nothing_but_200(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    answers: list[tuple[int, bytes]] = []

    def send(path: str, headers: Mapping[str, str], body: bytes) -> int:
        answer = shop.client.post(path, headers=dict(headers), content=body)
        answers.append((answer.status_code, answer.content))
        return answer.status_code

    shop.wire.send = send
    shop.act(purchase, PretendPayment.PAY)
    shop.deliver()
    assert set(answers) == {(200, b"")}


def test_a_webhook_while_the_provider_is_down_is_kept_for_the_tick(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    receive_then_fail(shop)
    assert shop.poll(purchase["invoice_id"])["status"] == "pending"
    assert outcomes(shop) == []
    shop.clock.turn(5)
    assert set(outcomes(shop)) == {ReceiptOutcome.NOTED}
    # It failed so often meanwhile that it is left alone; its receipts wait as long.
    assert settle_noted_receipts(shop.ports) == Pass()
    assert set(outcomes(shop)) == {ReceiptOutcome.NOTED}
    shop.providers.failure = None
    shop.clock.turn(LEAVE_ALONE_SECONDS[1])
    done = settle_noted_receipts(shop.ports)
    assert done.failed == 0
    assert done.changed == 1
    assert outcomes(shop) == []
    assert shop.poll(purchase["invoice_id"])["license_key"] is not None


def receive_then_fail(shop: Shop) -> None:
    """Let webhooks be read while the provider answers no question."""
    shop.providers.failure_of_status = DOWN
    assert shop.deliver() > 0
    shop.providers.failure_of_status = None
    shop.providers.failure = DOWN


def test_without_any_webhook_the_round_finds_the_payment(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    assert reconcile_invoices(shop.ports) == Pass(changed=1)
    assert shop.poll(purchase["invoice_id"])["license_key"] is not None
    assert reconcile_invoices(shop.ports) == Pass()


def test_the_round_leaves_a_provider_alone_after_three_failures(shop: Shop) -> None:
    shop.add_product()
    for _ in range(5):
        shop.buy()
    shop.providers.failure = DOWN
    assert reconcile_invoices(shop.ports) == Pass(failed=3, skipped=2)
    shop.providers.failure = None
    assert reconcile_invoices(shop.ports) == Pass(resting=5)
    assert reconcile_invoices(shop.ports, is_pause_kept=False) == Pass(unchanged=5)
    shop.clock.turn(60)
    assert reconcile_invoices(shop.ports) == Pass(unchanged=5)


def test_the_pause_grows_while_a_provider_goes_on_failing(shop: Shop) -> None:
    shop.add_product()
    for _ in range(3):
        shop.buy()
    shop.providers.failure = DOWN
    assert reconcile_invoices(shop.ports) == Pass(failed=3)
    # After a pause one failure is enough for the next, longer one.
    for pause in (60, 120, 240, 480, 480):
        shop.clock.turn(pause - 1)
        assert reconcile_invoices(shop.ports) == Pass(resting=3)
        shop.clock.turn(1)
        assert reconcile_invoices(shop.ports) == Pass(failed=1, skipped=2)


def test_an_invoice_of_a_provider_that_is_not_loaded_waits(shop: Shop) -> None:
    shop.add_product()
    shop.buy()
    shop.providers.failure = ProviderNotLoaded("sandbox", "load it")
    assert reconcile_invoices(shop.ports) == Pass(skipped=1)
    shop.providers.failure = None
    assert reconcile_invoices(shop.ports) == Pass(unchanged=1)


def test_the_round_asks_at_most_fifty_times_per_provider(shop: Shop) -> None:
    shop.add_product()
    for _ in range(53):
        shop.buy()
        shop.clock.turn(3)
    assert reconcile_invoices(shop.ports) == Pass(unchanged=50, skipped=1)


def test_a_backlog_is_asked_about_once(shop: Shop) -> None:
    shop.add_product()
    for _ in range(53):
        shop.buy()
        shop.clock.turn(3)
    passes: list[Pass] = []
    reconcile_backlog(shop.ports, after_pass=passes.append)
    assert passes == [Pass(unchanged=50, skipped=1), Pass(unchanged=3)]


def test_a_purchase_whose_answer_was_lost_is_found_by_the_round(shop: Shop) -> None:
    shop.add_product()
    shop.providers.failure = DOWN
    assert shop.post("/v1/purchase", product="app").status_code == 502
    shop.providers.failure = None
    assert reconcile_invoices(shop.ports) == Pass(unchanged=1)
    shop.clock.turn(700)
    assert reconcile_invoices(shop.ports) == Pass(changed=1)


def test_what_is_kept_only_for_a_while_is_purged(shop: Shop) -> None:
    shop.add_product()
    shop.sell()
    assert purge(shop.ports) == 0
    shop.clock.turn((RECEIPT_DAYS + 1) * 86_400)
    assert purge(shop.ports) > 0


def test_every_tick_of_the_shop_runs(shop: Shop) -> None:
    ticks = shop_ticks(shop.ports)
    assert [tick.name for tick in ticks] == [
        "receipts",
        "deliveries",
        "reconcile",
        "renewals",
        "tips",
        "saved_payments",
        "code_slots",
        "heartbeats",
        "purge",
    ]
    for tick in ticks:
        tick.run()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"type":"InvoiceSettled","invoiceId":"x"}'),
        ({"sandbox-sig": "sha256=" + "0" * 64}, b"{}"),
        ({"sandbox-sig": "nonsense"}, b""),
    ],
)
def test_a_webhook_that_is_not_signed_is_refused(
    shop: Shop, headers: dict[str, str], body: bytes
) -> None:
    path = f"/v1/sandbox/webhook/{shop.account_id}"
    response = shop.client.post(path, headers=headers, content=body)
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")


def test_a_webhook_for_an_unknown_account_is_not_found(shop: Shop) -> None:
    response = shop.client.post("/v1/sandbox/webhook/nobody", content=b"{}")
    assert (response.status_code, response.json()["error"]) == (404, "not_found")


def test_a_webhook_that_is_too_large_is_refused(shop: Shop) -> None:
    path = f"/v1/sandbox/webhook/{shop.account_id}"
    response = shop.client.post(path, content=b"x" * (2 * 1024 * 1024 + 1))
    assert response.status_code == 413


def test_a_webhook_about_an_invoice_we_do_not_know_is_acknowledged(shop: Shop) -> None:
    assert shop.sandbox is not None
    shop.add_product()
    purchase = shop.buy()
    product_id = shop.client.get("/v1/products/app").json()["id"]
    shop.delete_product_row(product_id)
    shop.act(purchase, PretendPayment.PAY)
    assert shop.deliver() > 0


def test_without_sandbox_mode_there_is_no_such_address() -> None:
    with running_shop(is_sandbox=False) as shop:
        for path in ("/v1/sandbox/webhook/x", "/sandbox/checkout/x/pay"):
            assert shop.client.post(path).status_code == 404
        assert shop.client.get("/sandbox/checkout/x").status_code == 404


def test_a_payment_in_full_but_late_is_not_called_partial(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.EXPIRE)
    shop.act(purchase, PretendPayment.PAY_LATE)
    shop.deliver()
    assert (shop.audited("invoice.paid_late"), shop.audited("invoice.partial_payment")) == (1, 0)


def test_a_payment_in_part_is_told_to_the_seller(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.UNDERPAY)
    shop.act(purchase, PretendPayment.EXPIRE)
    shop.deliver()
    assert (shop.audited("invoice.paid_late"), shop.audited("invoice.partial_payment")) == (0, 1)


def test_money_on_chain_is_waited_for_until_it_is_final(shop: Shop) -> None:
    """The buyer's rail reaches the provider, which settles it only once it is confirmed."""
    shop.add_product()
    purchase = shop.buy(rail="on-chain")
    shop.act(purchase, PretendPayment.PAY)
    shop.deliver()
    assert shop.poll(purchase["invoice_id"])["status"] == "pending"
    shop.act(purchase, PretendPayment.PAY)
    shop.deliver()
    assert shop.poll(purchase["invoice_id"])["license_key"]


@pytest.fixture
def busy_shop() -> Iterator[Shop]:
    """A shop whose buyers share one hidden address, and with it the wider limit."""
    with running_shop(peer="127.0.0.1") as shop:
        yield shop


def test_a_stream_of_new_purchases_keeps_no_paid_one_waiting(busy_shop: Shop) -> None:
    """Without a webhook a payment is found by the round, whatever else is bought meanwhile."""
    shop = busy_shop
    shop.add_product()
    paid = shop.buy()
    reconcile_invoices(shop.ports)
    shop.act(paid, PretendPayment.PAY)
    for _ in range(2):
        shop.clock.turn(60)
        for _ in range(60):
            shop.buy()
        shop.clock.turn(1)
        reconcile_invoices(shop.ports)
    assert shop.poll(paid["invoice_id"])["license_key"]


def test_a_backlog_is_worked_off_in_one_tick(busy_shop: Shop) -> None:
    shop = busy_shop
    shop.add_product()
    purchases = [shop.buy() for _ in range(120)]
    for purchase in purchases:
        shop.act(purchase, PretendPayment.PAY)
    reconcile_backlog(shop.ports)
    assert len(shop.licenses()) == 120


def test_a_receipt_whose_invoice_was_deleted_meanwhile_ends_quietly(shop: Shop) -> None:
    product = shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    shop.providers.failure_of_status = DOWN
    shop.deliver()
    with shop.ports.store.reading() as tx:
        (*_, due) = tx.receipts.list_noted(
            Instant(shop.ports.clock.now() + 5), 100, but_of=frozenset()
        )
        receipt = tx.receipts.find_receipt(due.id)
        assert receipt is not None
    shop.admin("DELETE", f"/products/{product['id']}?force=true")
    follow_up_receipt(receipt, None, store=shop.ports.store, clock=shop.ports.clock)
    assert outcomes(shop) == []
