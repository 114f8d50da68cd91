"""Webhooks whose invoice could not be cleared up are looked at again by ourselves: payments 1.2.

Only what webhooks left behind is run here; the reconciler's rounds are not.
"""

from keysat_core.domain.receipt import LOOK_ON_SECONDS, ReceiptOutcome, WebhookReceipt
from keysat_core.limits import RECONCILE_DAYS
from tests.simulators.btcpay.invoices import Status
from tests.simulators.fault_plan import Answer, DropDelivery, StaleRead
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.sale_outcome import assert_sold_once, assert_unsold, webhook_answers

DAY = 86_400
SETTLED = "InvoiceSettled"


def only_settled_is_told(opened: BTCPayShop) -> None:
    opened.fake.webhook(opened.webhook_id()).specific_events = (SETTLED,)


def looks(opened: BTCPayShop) -> list[int]:
    """When BTCPay was asked about an invoice, in seconds since the first time."""
    asked = sorted({call.at for call in opened.fake.journal.calls("get_invoice")})
    return [at - asked[0] for at in asked]


def receipt(opened: BTCPayShop) -> WebhookReceipt:
    (sent,) = opened.fake.deliveries(opened.webhook_id())
    account = opened.account()
    with opened.shop.ports.store.reading() as tx:
        rows = [
            tx.receipts.find_receipt(str(id_))
            for (id_,) in opened.shop.ports.store._writer.session.connection.execute(  # type: ignore[attr-defined]
                "SELECT id FROM webhook_receipts WHERE delivery_id = ?", (sent.id,)
            )
        ]
    (found,) = rows
    assert found is not None
    assert found.provider_account_id == account.id
    return found


def test_a_provider_that_is_down_is_asked_after_5_s_30_s_2_min_and_then_daily() -> None:
    with running_btcpay_shop() as opened:
        only_settled_is_told(opened)
        opened.fake.faults.on_call("get_invoice", Answer(503), count=None)
        purchase = opened.buy()
        opened.pay(purchase)
        assert webhook_answers(opened) == {200}
        for _ in range(70):
            opened.look_again(5)
        assert looks(opened) == [0, 5, 35, 155]
        noted = receipt(opened)
        assert (noted.outcome, noted.looks) == (ReceiptOutcome.NOTED, 4)
        for _ in range(3):
            opened.look_again(DAY)
        assert len(looks(opened)) == 7
        opened.fake.faults.clear()
        opened.look_again(DAY)
        assert_sold_once(opened, purchase)
        assert receipt(opened).outcome is ReceiptOutcome.DONE
        opened.look_again(DAY)
        assert len(looks(opened)) == 8


def test_a_stale_answer_is_asked_for_again_until_it_is_fresh() -> None:
    with running_btcpay_shop() as opened:
        only_settled_is_told(opened)
        opened.fake.faults.on_call("get_invoice", StaleRead(60), count=None)
        purchase = opened.buy()
        opened.pay(purchase)
        for _ in range(12):
            assert_unsold(opened, purchase, "pending")
            opened.look_again(5)
        for _ in range(19):
            opened.look_again(5)
        assert looks(opened) == [0, 5, 35, 155]
        assert_sold_once(opened, purchase)


def test_one_fresh_answer_ends_the_looking() -> None:
    with running_btcpay_shop() as opened:
        only_settled_is_told(opened)
        opened.fake.faults.on_call("get_invoice", Answer(500), count=2)
        purchase = opened.buy()
        opened.pay(purchase)
        for _ in range(40):
            opened.look_again(5)
        assert looks(opened) == [0, 5]
        assert_sold_once(opened, purchase)


def test_an_expiry_that_is_told_is_looked_at_four_times_and_then_left_to_the_rounds() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("get_invoice", Answer(500), count=None)
        purchase = opened.buy()
        opened.clock.turn(901)
        for _ in range(70):
            opened.look_again(5)
        opened.look_again(DAY)
        assert len(looks(opened)) == 4
        assert receipt(opened).outcome is ReceiptOutcome.DONE
        opened.fake.faults.clear()
        opened.tick(900)
        assert_unsold(opened, purchase, "expired")


def test_a_payment_that_was_told_of_when_its_invoice_was_old_is_delivered_yet() -> None:
    """The reconciler does not ask about invoices of more than 30 days; a signed claim is kept."""
    with running_btcpay_shop() as opened:
        only_settled_is_told(opened)
        purchase = opened.buy()
        for _ in range(RECONCILE_DAYS):
            opened.tick(DAY)
        assert_unsold(opened, purchase, "expired")
        calls = len(opened.fake.journal.calls("get_invoice"))
        opened.tick(DAY)
        assert len(opened.fake.journal.calls("get_invoice")) == calls
        opened.fake.faults.on_call("get_invoice", StaleRead(LOOK_ON_SECONDS), count=None)
        opened.fake.mark(purchase["btcpay_invoice_id"], Status.SETTLED)
        assert webhook_answers(opened) == {200}
        for _ in range(60):
            opened.tick(5)
        assert_unsold(opened, purchase, "expired")
        opened.fake.faults.clear()
        opened.tick(60)
        assert_unsold(opened, purchase, "expired")
        opened.tick(DAY)
        assert_sold_once(opened, purchase)


def test_a_payment_that_was_told_of_while_nobody_answered_for_weeks_is_delivered_yet() -> None:
    with running_btcpay_shop() as opened:
        only_settled_is_told(opened)
        purchase = opened.buy()
        for _ in range(RECONCILE_DAYS + 1):
            opened.tick(DAY)
        opened.fake.faults.on_call("get_invoice", Answer(502), count=None)
        opened.fake.mark(purchase["btcpay_invoice_id"], Status.SETTLED)
        for _ in range(20):
            opened.tick(DAY)
        assert_unsold(opened, purchase, "expired")
        opened.fake.faults.clear()
        opened.tick(DAY)
        assert_sold_once(opened, purchase)


def test_a_webhook_that_came_before_our_record_of_the_invoice_is_taken_up_with_it() -> None:
    """BTCPay settles at once what it creates, and tells before it answers: payments 11.2."""
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_delivery("InvoiceProcessing", DropDelivery())

        def pay_at_once(request: object) -> None:
            created = opened.fake.invoices()
            if created and created[-1].status is Status.NEW:
                opened.fake.pay(created[-1].id)

        opened.line.after = pay_at_once
        purchase = opened.buy()
        opened.line.after = lambda _: None
        assert webhook_answers(opened) == {200}
        assert_unsold(opened, purchase, "pending")
        opened.look_again(0)
        assert_sold_once(opened, purchase)
