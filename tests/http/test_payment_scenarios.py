"""How buyers pay at BTCPay, and what the shop makes of it. Source: payments 17; rows are named."""

import pytest

from keysat_core.domain.setting import ACCEPT_LATE_PAYMENTS
from tests.simulators.btcpay.invoices import Additional, Rail, Status
from tests.simulators.btcpay.modes import Mode
from tests.simulators.fault_plan import ANY, DropDelivery
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.sale_outcome import (
    assert_sold_once,
    assert_unsold,
    attention_to,
    audited_about,
    events_about,
    webhook_answers,
)

PRICE = 50_000
EXPIRY_SECONDS = 15 * 60
MODES = [Mode.V2_0, Mode.V2_3_4, Mode.V2_4]


def lose_webhooks(opened: BTCPayShop) -> None:
    """From now on nobody is told of anything."""
    opened.fake.faults.on_delivery(ANY, DropDelivery(), count=None)


@pytest.mark.rows(1, 47)
@pytest.mark.parametrize("mode", MODES)
def test_a_lightning_payment_is_delivered_by_its_webhook(mode: Mode) -> None:
    with running_btcpay_shop(mode=mode) as opened:
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)
        assert webhook_answers(opened) == {200}
        opened.tick(60)
        assert_sold_once(opened, purchase)


@pytest.mark.rows(2)
def test_an_onchain_payment_is_pending_until_it_confirms_long_after_expiry() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy(rail="onchain")
        opened.clock.turn(5 * 60)
        opened.pay(purchase, rail=Rail.ON_CHAIN)
        for _ in range(40):
            opened.tick(60)
            invoice = assert_unsold(opened, purchase, "pending")
            assert invoice.provider_status_raw == "Processing"
        opened.fake.confirm(purchase["btcpay_invoice_id"])
        assert_sold_once(opened, purchase)


@pytest.mark.rows(3, 47)
@pytest.mark.parametrize("mode", MODES)
def test_a_payment_nobody_told_of_is_found_within_two_passes(mode: Mode) -> None:
    with running_btcpay_shop(mode=mode) as opened:
        lose_webhooks(opened)
        purchase = opened.buy()
        opened.pay(purchase)
        assert_unsold(opened, purchase, "pending")
        opened.tick(60)
        opened.tick(60)
        assert_sold_once(opened, purchase)


@pytest.mark.rows(4)
def test_without_any_webhook_every_purchase_ends_as_it_should() -> None:
    """Purchases only: changes of tier have their own tests."""
    with running_btcpay_shop() as opened:
        opened.fake.disable_webhook(opened.webhook_id())
        paid = [opened.buy(buyer_email=f"b{number}@example.com") for number in range(5)]
        unpaid, late = opened.buy(), opened.buy()
        for purchase in paid:
            opened.pay(purchase)
        opened.tick(60)
        opened.tick(EXPIRY_SECONDS)
        opened.pay(late)
        for _ in range(3):
            opened.tick(900)
        for purchase in paid:
            assert_sold_once(opened, purchase)
        for purchase in (unpaid, late):
            assert_unsold(opened, purchase, "expired")
        opened.fake.mark(late["btcpay_invoice_id"], Status.SETTLED)
        opened.tick(900)
        opened.tick(86_400)
        assert_sold_once(opened, late)
        assert len(opened.shop.licenses()) == 6
        assert opened.fake.journal.attempts() == []


@pytest.mark.rows(10, 47)
@pytest.mark.parametrize("mode", MODES)
def test_a_part_of_the_price_before_expiry_sells_nothing_and_is_told(mode: Mode) -> None:
    with running_btcpay_shop(mode=mode) as opened:
        purchase = opened.buy()
        opened.pay(purchase, sats=PRICE // 2)
        opened.tick(60)
        assert_unsold(opened, purchase, "pending")
        opened.tick(EXPIRY_SECONDS)
        assert_unsold(opened, purchase, "expired")
        (told,) = audited_about(opened.shop, "invoice.partial_payment", purchase["invoice_id"])
        assert told.details["paid_sats"] == PRICE // 2
        assert attention_to(opened, purchase) == "partial_payment"
        assert len(events_about(opened.shop, "invoice.expired", purchase["invoice_id"])) == 1
        for _ in range(3):
            opened.tick(900)
        assert len(audited_about(opened.shop, "invoice.partial_payment", told.target_id)) == 1


@pytest.mark.rows(11)
def test_the_rest_of_the_price_in_time_completes_it() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.pay(purchase, sats=PRICE // 2)
        opened.tick(60)
        opened.pay(purchase)
        assert_sold_once(opened, purchase)
        assert opened.shop.audited("invoice.partial_payment") == 0


@pytest.mark.rows(12)
@pytest.mark.parametrize("mode", MODES)
def test_too_much_buys_one_license_and_is_told(mode: Mode) -> None:
    with running_btcpay_shop(mode=mode) as opened:
        purchase = opened.buy()
        opened.pay(purchase, sats=PRICE + 1_000)
        assert_sold_once(opened, purchase)
        assert opened.shop.invoice(purchase["invoice_id"]).provider_status_raw == "Settled/PaidOver"
        (told,) = audited_about(opened.shop, "invoice.overpaid", purchase["invoice_id"])
        # Servers before 2.2 say that it is too much, but not how much.
        assert told.details["paid_sats"] == (None if mode is Mode.V2_0 else PRICE + 1_000)
        assert opened.shop.audited("invoice.amount_mismatch") == 0


def test_what_the_store_tolerates_is_paid() -> None:
    with running_btcpay_shop(tolerance_percent=2) as opened:
        purchase = opened.buy()
        opened.pay(purchase, sats=PRICE * 98 // 100)
        assert_sold_once(opened, purchase)
        assert opened.shop.audited("invoice.amount_mismatch") == 0


def paid_five_minutes_late(opened: BTCPayShop) -> dict[str, str]:
    purchase = opened.buy()
    opened.tick(EXPIRY_SECONDS + 1)
    assert_unsold(opened, purchase, "expired")
    opened.clock.turn(5 * 60)
    opened.pay(purchase)
    invoice = opened.fake.invoice(purchase["btcpay_invoice_id"])
    assert (invoice.status, invoice.additional) == (Status.EXPIRED, Additional.PAID_LATE)
    return purchase


@pytest.mark.rows(13, 47)
@pytest.mark.parametrize("mode", MODES)
def test_a_late_payment_waits_for_the_operator(mode: Mode) -> None:
    with running_btcpay_shop(mode=mode) as opened:
        purchase = paid_five_minutes_late(opened)
        for _ in range(4):
            opened.tick(900)
        invoice = assert_unsold(opened, purchase, "expired")
        assert invoice.provider_status_raw == "Expired/PaidLate"
        assert len(audited_about(opened.shop, "invoice.paid_late", invoice.id)) == 1
        assert attention_to(opened, purchase) == "paid_late"


def test_a_late_payment_is_taken_once_it_is_final_if_the_operator_said_so() -> None:
    """Decisions 17."""
    with running_btcpay_shop() as opened:
        with opened.shop.ports.store.writing() as tx:
            tx.settings.put_setting(ACCEPT_LATE_PAYMENTS, "1", opened.clock.now())
        purchase = opened.buy()
        opened.tick(EXPIRY_SECONDS + 1)
        opened.pay(purchase, rail=Rail.ON_CHAIN)
        opened.tick(900)
        assert_unsold(opened, purchase, "expired")
        opened.fake.confirm(purchase["btcpay_invoice_id"])
        opened.tick(900)
        assert_sold_once(opened, purchase, is_late=True)


@pytest.mark.rows(14)
def test_a_late_payment_is_delivered_when_the_operator_marks_it_settled() -> None:
    with running_btcpay_shop() as opened:
        purchase = paid_five_minutes_late(opened)
        opened.fake.mark(purchase["btcpay_invoice_id"], Status.SETTLED)
        assert_sold_once(opened, purchase)
        assert attention_to(opened, purchase) is None


@pytest.mark.rows(15)
def test_a_late_payment_marked_settled_is_found_without_its_webhook() -> None:
    with running_btcpay_shop() as opened:
        purchase = paid_five_minutes_late(opened)
        lose_webhooks(opened)
        opened.fake.mark(purchase["btcpay_invoice_id"], Status.SETTLED)
        assert_unsold(opened, purchase, "expired")
        opened.tick(900)
        assert_sold_once(opened, purchase)


def test_weeks_later_a_late_payment_marked_settled_is_still_found_without_its_webhook() -> None:
    """Decisions 17: looked at for 30 days."""
    with running_btcpay_shop() as opened:
        purchase = paid_five_minutes_late(opened)
        lose_webhooks(opened)
        for _ in range(28):
            opened.tick(86_400)
        opened.fake.mark(purchase["btcpay_invoice_id"], Status.SETTLED)
        opened.tick(86_400)
        assert_sold_once(opened, purchase)


@pytest.mark.rows(16)
@pytest.mark.parametrize("is_told", [True, False])
def test_a_payment_that_is_replaced_never_settles(*, is_told: bool) -> None:
    with running_btcpay_shop() as opened:
        if not is_told:
            lose_webhooks(opened)
        purchase = opened.buy()
        opened.pay(purchase, rail=Rail.ON_CHAIN)
        opened.tick(60)
        assert opened.shop.invoice(purchase["invoice_id"]).provider_status_raw == "Processing"
        opened.fake.replace(purchase["btcpay_invoice_id"])
        opened.tick(60)
        assert_unsold(opened, purchase, "pending")
        opened.tick(EXPIRY_SECONDS)
        opened.tick(900)
        assert_unsold(opened, purchase, "expired")


@pytest.mark.rows(17)
@pytest.mark.parametrize("is_told", [True, False])
def test_a_payment_that_never_confirms_ends_as_invalid(*, is_told: bool) -> None:
    with running_btcpay_shop() as opened:
        if not is_told:
            lose_webhooks(opened)
        purchase = opened.buy()
        opened.pay(purchase, rail=Rail.ON_CHAIN)
        for _ in range(24):
            opened.tick(3_600)
            assert_unsold(opened, purchase, "pending")
        opened.tick(EXPIRY_SECONDS + 600)
        assert_unsold(opened, purchase, "invalid")


@pytest.mark.rows(18)
def test_what_was_delivered_stays_so_when_the_operator_marks_it_invalid() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        id_ = purchase["btcpay_invoice_id"]
        opened.fake.mark(id_, Status.SETTLED)
        license = assert_sold_once(opened, purchase)
        opened.fake.mark(id_, Status.INVALID)
        assert assert_sold_once(opened, purchase) == license
        key = opened.shop.poll(purchase["invoice_id"])["license_key"]
        assert opened.shop.validate(key)["ok"] is True
        assert attention_to(opened, purchase) == "provider_reversed"
        assert (
            len(audited_about(opened.shop, "invoice.provider_reversed", license.invoice_id or ""))
            == 1
        )
        assert webhook_answers(opened) == {200}


def test_a_refund_undoes_nothing() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.pay(purchase)
        license = assert_sold_once(opened, purchase)
        opened.fake.refund(purchase["btcpay_invoice_id"])
        opened.tick(900)
        assert assert_sold_once(opened, purchase) == license


@pytest.mark.rows(47)
def test_a_server_of_before_2_0_is_refused_when_it_is_connected() -> None:
    with running_btcpay_shop(is_connected=False, mode=Mode.V1_13) as opened:
        answer = opened.consent(opened.begin())
        assert (answer.status_code, "2.0 or newer" in answer.text) == (400, True)
        assert opened.fake.webhooks() == []
        assert opened.fake.world.keys == {}
        assert opened.shop.admin("GET", "/btcpay/status") == {"connected": False}


@pytest.mark.rows(48)
@pytest.mark.parametrize(
    ("public_base", "start"),
    [
        ("https://pay.example", "https://pay.example/i/"),
        ("https://pay.example/btcpay", "https://pay.example/btcpay/i/"),
        (None, "https://btcpay.example/i/"),
    ],
)
def test_the_checkout_link_is_one_buyers_reach(public_base: str | None, start: str) -> None:
    """BTCPay is called at an inner address; without a public one the operator's browser's is meant."""
    with running_btcpay_shop(public_base=public_base) as opened:
        purchase = opened.buy()
        assert purchase["checkout_url"] == start + purchase["btcpay_invoice_id"]
        assert opened.shop.invoice(purchase["invoice_id"]).checkout_url == purchase["checkout_url"]
