"""The reconciler's rounds over BTCPay's invoices. Source: payments 10."""

from itertools import pairwise
from threading import Barrier, Event, Thread
from typing import Any

import httpx
import pytest

from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.limits import RECONCILE_BATCH, RECONCILE_DAYS
from keysat_http.reconciling import reconcile_invoices
from keysat_http.rounds import ASKED_AT_ONCE
from keysat_http.settling import Pass
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.fault_plan import Answer, Cut, Timeout
from tests.support.btcpay_accounts import add_account, add_profile, change_invoice, give_profile
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.line import is_reading_invoice, wait_until
from tests.support.sale_outcome import assert_sold_once, assert_unsold

DAY = 86_400
OTHER = "http://other.internal"


def tell_nobody(opened: BTCPayShop) -> None:
    for webhook in opened.fake.webhooks():
        opened.fake.disable_webhook(webhook.id)


def buy_many(opened: BTCPayShop, count: int) -> list[dict[str, Any]]:
    """Buy as so many buyers from addresses of their own."""
    bought = []
    for number in range(count):
        opened.shop.outside.peer = f"198.51.100.{number + 1}"
        bought.append(opened.buy())
    return bought


def asked(opened: BTCPayShop) -> list[int]:
    """When BTCPay was asked about an invoice, each second once."""
    return sorted({call.at for call in opened.fake.journal.calls("get_invoice")})


def test_a_server_that_hangs_does_not_keep_anothers_invoices_waiting() -> None:
    """The other's are settled while the first call to the hanging one still waits."""
    with running_btcpay_shop() as opened:
        other = FakeBTCPay(opened.clock.virtual, seed=2, post=opened.fake._post)
        opened.line.hosts["other.internal"] = other.transport()
        profile_id = add_profile(opened, "second")
        add_account(
            opened, "second", profile_id, fake=other, store=other.add_store(), base_url=OTHER
        )
        give_profile(opened, opened.shop.add_product("other"), profile_id)
        for double in (opened.fake, other):
            for webhook in double.webhooks():
                double.disable_webhook(webhook.id)
        hanging = [opened.buy() for _ in range(3)]
        answered = [opened.buy("other") for _ in range(7)]
        for purchase in hanging:
            opened.pay(purchase)
        for purchase in answered:
            other.pay(purchase["btcpay_invoice_id"])
        gate = Event()

        def hang(request: httpx.Request) -> None:
            if request.url.host != "other.internal":
                assert gate.wait(30)

        opened.line.before = hang
        done: list[Pass] = []
        round_ = Thread(target=lambda: done.append(reconcile_invoices(opened.shop.ports)))
        round_.start()
        try:
            wait_until(lambda: all(opened.status(one) == "settled" for one in answered))
            assert [opened.status(one) for one in hanging] == ["pending"] * 3
            assert done == []
        finally:
            gate.set()
            round_.join(30)
        for purchase in hanging:
            assert_sold_once(opened, purchase)
        assert done == [Pass(changed=10)]
        other.check()


def test_at_most_fifty_are_asked_about_a_pass_and_four_at_once() -> None:
    with running_btcpay_shop() as opened:
        tell_nobody(opened)
        for purchase in buy_many(opened, RECONCILE_BATCH + 10):
            opened.pay(purchase)
        # The first alone finds out whether anybody answers; the last is left alone.
        together = Barrier(ASKED_AT_ONCE)
        calls: list[str] = []

        def meet(request: httpx.Request) -> None:
            assert is_reading_invoice(request)
            calls.append(request.url.path)
            if 1 < len(calls) < RECONCILE_BATCH:
                together.wait(20)

        opened.line.before = meet
        opened.line.at_once_max = 0
        done = reconcile_invoices(opened.shop.ports)
        assert done == Pass(changed=RECONCILE_BATCH, skipped=1)
        assert len(calls) == RECONCILE_BATCH
        assert opened.line.at_once_max == ASKED_AT_ONCE
        opened.line.before = lambda _: None
        assert reconcile_invoices(opened.shop.ports) == Pass(changed=10)
        assert len(opened.shop.licenses()) == RECONCILE_BATCH + 10


def test_a_server_that_keeps_failing_is_left_alone_for_1_2_4_and_8_minutes() -> None:
    with running_btcpay_shop() as opened:
        tell_nobody(opened)
        purchases = buy_many(opened, 8)
        for purchase in purchases:
            opened.pay(purchase)
        opened.fake.faults.on_call("get_invoice", Answer(503), count=None)
        for _ in range(200):
            opened.tick(10)
        times = asked(opened)
        # Three failures in a row within the first pass, then one for each longer pause.
        assert [after - before for before, after in pairwise(times)] == [
            60,
            120,
            240,
            480,
            480,
            480,
        ]
        first = [call for call in opened.fake.journal.calls("get_invoice") if call.at == times[0]]
        assert len(first) == 2 * 3
        opened.fake.faults.clear()
        for _ in range(48):
            opened.tick(10)
        for purchase in purchases:
            assert_sold_once(opened, purchase)


@pytest.mark.parametrize("trouble", [Timeout(), Cut(), Answer(401)])
def test_a_single_failure_makes_nobody_wait(trouble: Timeout | Cut | Answer) -> None:
    with running_btcpay_shop() as opened:
        tell_nobody(opened)
        purchases = buy_many(opened, 3)
        for purchase in purchases:
            opened.pay(purchase)
        # Whatever is asked for again at once fails again.
        opened.fake.faults.on_call("get_invoice", trouble, count=2 if trouble == Cut() else 1)
        opened.tick(60)
        assert sorted(opened.status(one) for one in purchases) == ["pending", "settled", "settled"]
        opened.tick(60)
        for purchase in purchases:
            assert_sold_once(opened, purchase)


@pytest.mark.defects("D12")
def test_what_was_settled_without_its_effect_gets_it_without_asking_anybody() -> None:
    """Old databases have such invoices: a crash between two transactions there."""
    with running_btcpay_shop() as opened:
        tell_nobody(opened)
        purchase = opened.buy()
        opened.clock.turn(100 * DAY)
        change_invoice(
            opened,
            purchase["invoice_id"],
            status=InvoiceStatus.SETTLED,
            settled_at=opened.clock.now(),
        )
        calls = len(opened.fake.journal.calls())
        opened.tick()
        told = opened.shop.poll(purchase["invoice_id"])
        assert told["license_key"]
        assert len(opened.fake.journal.calls()) == calls
        opened.tick(60)
        assert len(opened.shop.licenses()) == 1


def test_a_paid_orphan_is_adopted_by_our_id() -> None:
    with running_btcpay_shop() as opened:
        tell_nobody(opened)
        purchase = opened.buy()
        change_invoice(
            opened, purchase["invoice_id"], provider_invoice_id=None, checkout_url="", rail=None
        )
        opened.pay(purchase)
        opened.tick(60)
        assert_sold_once(opened, purchase)
        adopted = opened.shop.invoice(purchase["invoice_id"])
        assert adopted.provider_invoice_id == purchase["btcpay_invoice_id"]
        assert adopted.checkout_url == purchase["checkout_url"]
        (search,) = opened.fake.journal.calls("list_invoices")
        assert search.request.values("orderId") == [purchase["invoice_id"]]


def test_of_two_orphans_the_paid_one_is_adopted() -> None:
    with running_btcpay_shop() as opened:
        tell_nobody(opened)
        purchase, twin = opened.buy(), opened.buy()
        paid, unpaid = (opened.fake.invoice(one["btcpay_invoice_id"]) for one in (purchase, twin))
        order_id = purchase["invoice_id"]
        by_order = opened.fake.world.invoices_by_order
        by_order[unpaid.store_id, order_id] = [paid, unpaid]
        unpaid.metadata["orderId"] = order_id
        opened.pay(purchase)
        change_invoice(opened, order_id, provider_invoice_id=None, checkout_url="")
        change_invoice(opened, twin["invoice_id"], status=InvoiceStatus.INVALID)
        opened.tick(60)
        assert_sold_once(opened, purchase)


def test_what_is_still_pending_after_thirty_days_expires_and_a_payment_then_is_delivered() -> None:
    with running_btcpay_shop() as opened:
        opened.store.expiry_seconds = 60 * DAY
        purchase = opened.buy()
        for _ in range(RECONCILE_DAYS - 1):
            opened.tick(DAY)
            assert_unsold(opened, purchase, "pending")
        opened.tick(DAY)
        invoice = assert_unsold(opened, purchase, "expired")
        assert invoice.provider_status_raw == "New"
        for _ in range(5):
            opened.tick(DAY)
        opened.pay(purchase)
        assert_sold_once(opened, purchase)


def test_the_older_an_unpaid_invoice_the_rarer_it_is_asked_about() -> None:
    """Payments 10: each minute, after 2 h every 10 minutes, after 72 h once a day."""
    with running_btcpay_shop() as opened:
        opened.store.expiry_seconds = 60 * DAY
        opened.buy()

        def asks(seconds: int) -> int:
            before = len(opened.fake.journal.calls("get_invoice"))
            for _ in range(seconds // 60):
                opened.tick(60)
            return len(opened.fake.journal.calls("get_invoice")) - before

        assert asks(3_600) == 60
        opened.clock.turn(3_600)
        assert 5 <= asks(3_600) <= 7
        opened.clock.turn(72 * 3_600)
        assert asks(2 * 3_600) == 1
