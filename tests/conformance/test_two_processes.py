"""A live server sells through a BTCPay Server in another process or on a port; both fail by turns.

What only virtual time can show is in ``tests/http``. Source: payments 17.
"""

import time
from pathlib import Path

import pytest

from tests.simulators.btcpay.invoices import Status
from tests.simulators.fault_plan import DuplicateDelivery, LoseAnswer, Timeout
from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.wall_clock import WallClock
from tests.support.line import wait_until
from tests.support.live_server import free_port
from tests.support.program import ADMIN_KEY
from tests.support.two_processes import btcpay_process, double, town

SETTLED = "InvoiceSettled"


@pytest.mark.rows(1)
def test_connect_buy_pay_and_get_the_key_between_two_processes(tmp_path: Path) -> None:
    with btcpay_process(free_port()) as btcpay, town(tmp_path, btcpay.url) as shop:
        shop.connect()
        purchase = shop.buy()
        assert purchase["checkout_url"].startswith(f"{btcpay.url}/i/")
        back = shop.pay(purchase)
        assert str(back.url) == f"{shop.server.url}/thank-you?invoice_id={purchase['invoice_id']}"
        assert back.status_code == 200
        shop.wait_for_key(purchase)
        shop.wait_for_state("ok")
        log = shop.log()
        for secret in (btcpay.api_key, purchase["invoice_id"], shop.poll(purchase)["license_key"]):
            assert secret not in log


def test_btcpay_is_killed_and_comes_back_without_what_it_knew(tmp_path: Path) -> None:
    """It comes back with its store and its key, and without its webhook and its invoices."""
    port = free_port()
    with btcpay_process(port) as btcpay, town(tmp_path, btcpay.url) as shop:
        key = f"{btcpay.api_key}\n"
        done = shop.program.process("btcpay", "connect", "--api-key-stdin", stdin=key)
        assert done.returncode == 0, done.stderr
        sold, lost = shop.buy(), shop.buy()
        shop.pay(sold)
        shop.wait_for_key(sold)
        btcpay.kill()
        refused = shop.try_to_buy()
        assert (refused.status_code, refused.json()["error"]) == (502, "upstream_error")
        # 10: a provider gave no answer. Nothing else suffers.
        shop.reconcile(exit_code=10)
        shop.wait_for_key(sold)
        shop.wait_for_state("failing")
        with btcpay_process(port):
            assert shop.job("webhook_check")["jobs"][0]["failed"] == 0
            again = shop.buy()
            shop.pay(again)
            shop.wait_for_key(again)
            shop.reconcile(exit_code=10)
            assert shop.poll(lost)["status"] == "pending"
            shop.wait_for_state("ok")
        assert shop.licenses() == 2


@pytest.mark.rows(13, 14)
def test_a_late_payment_waits_for_the_operator_over_real_http(tmp_path: Path) -> None:
    with double(VirtualClock()) as btcpay, town(tmp_path, btcpay.url) as shop:
        shop.connect()
        purchase = shop.buy()
        btcpay.fake.advance(901)
        assert shop.poll(purchase)["status"] == "expired"
        btcpay.fake.pay(purchase["btcpay_invoice_id"])
        # The rounds ask about an invoice that ended every quarter of an hour only.
        shop.reconcile()
        assert shop.poll(purchase)["license_key"] is None
        btcpay.fake.mark(purchase["btcpay_invoice_id"], Status.SETTLED)
        shop.wait_for_key(purchase)
        assert shop.licenses() == 1


@pytest.mark.rows(3)
def test_a_payment_whose_webhook_was_deleted_is_found_by_a_round(tmp_path: Path) -> None:
    with double(WallClock()) as btcpay, town(tmp_path, btcpay.url) as shop:
        shop.connect()
        purchase = shop.buy()
        (webhook,) = btcpay.fake.webhooks()
        btcpay.fake.delete_webhook(webhook.id)
        shop.pay(purchase)
        assert shop.poll(purchase)["status"] == "pending"
        (done,) = shop.reconcile()["passes"]
        assert done["changed"] == 1
        shop.wait_for_key(purchase)
        shop.job("webhook_check")
        again = shop.buy()
        shop.pay(again)
        shop.wait_for_key(again)


@pytest.mark.rows(5)
def test_deliveries_repeated_at_once_and_a_round_beside_them_have_one_effect(
    tmp_path: Path,
) -> None:
    with double(WallClock()) as btcpay, town(tmp_path, btcpay.url) as shop:
        shop.connect()
        btcpay.fake.faults.on_delivery(SETTLED, DuplicateDelivery(times=10, is_concurrent=True))
        purchase = shop.buy()
        shop.pay(purchase)
        shop.reconcile()
        shop.wait_for_key(purchase)
        wait_until(lambda: len(btcpay.fake.journal.attempts(SETTLED)) == 10)
        assert {one.status for one in btcpay.fake.journal.attempts()} == {200}
        assert shop.licenses() == 1


@pytest.mark.rows(6)
def test_a_delivery_whose_answer_was_lost_comes_again_without_effect(tmp_path: Path) -> None:
    with double(VirtualClock()) as btcpay, town(tmp_path, btcpay.url) as shop:
        shop.connect()
        btcpay.fake.faults.on_delivery(SETTLED, LoseAnswer(), count=2)
        purchase = shop.buy()
        btcpay.fake.pay(purchase["btcpay_invoice_id"])
        key = shop.wait_for_key(purchase)
        btcpay.fake.advance(86_400)
        assert len(btcpay.fake.journal.attempts(SETTLED)) > 1
        (delivery,) = (
            one
            for one in btcpay.fake.deliveries(btcpay.fake.webhooks()[0].id)
            if one.occurrence.event.type == SETTLED and not one.is_redelivery
        )
        btcpay.fake.redeliver(btcpay.fake.webhooks()[0].id, delivery.id)
        assert shop.wait_for_key(purchase) == key
        assert shop.licenses() == 1


def test_btcpay_is_away_for_a_while_and_forgets_what_it_was_to_send(tmp_path: Path) -> None:
    clock = VirtualClock()
    with double(clock) as btcpay, town(tmp_path, btcpay.url) as shop:
        shop.connect()
        purchase = shop.buy()
        btcpay.fake.delivers_at_once = False
        btcpay.fake.pay(purchase["btcpay_invoice_id"])
        btcpay.stop()
        assert shop.try_to_buy().status_code == 502
        shop.reconcile(exit_code=10)
        assert shop.poll(purchase)["status"] == "pending"
        btcpay.start()
        btcpay.fake.deliver_due()
        assert btcpay.fake.journal.attempts() == []
        # One answer ends the pause that a provider is left alone for.
        shop.buy()
        shop.reconcile()
        shop.wait_for_key(purchase)
        assert shop.licenses() == 1


def test_a_key_revoked_at_btcpay_is_told_everywhere_and_cured_by_connecting_again(
    tmp_path: Path,
) -> None:
    with double(WallClock()) as btcpay, town(tmp_path, btcpay.url) as shop:
        account_id = shop.connect()
        sold, waiting = shop.buy(), shop.buy()
        shop.pay(sold)
        shop.wait_for_key(sold)
        (key,) = btcpay.fake.world.keys
        btcpay.fake.revoke_key(key)
        assert shop.try_to_buy().status_code == 502
        shop.wait_for_state("credential_dead")
        admin = {"authorization": f"Bearer {ADMIN_KEY}"}
        measured = shop.server.client.get("/metrics", headers=admin).text
        assert f'keysat_provider_up{{kind="btcpay",provider="{account_id[:8]}"}} 0.0' in measured
        shop.job("provider_probe", exit_code=10)
        findings = shop.program.process("doctor")
        assert "credential dead" in findings.stdout + findings.stderr
        assert key not in shop.log()
        shop.wait_for_key(sold)
        shop.server.admin("POST", "/v1/admin/btcpay/disconnect")
        shop.connect()
        shop.pay(waiting)
        shop.wait_for_key(waiting)
        shop.wait_for_state("ok")
        assert shop.licenses() == 2


@pytest.mark.rows(21)
def test_a_server_killed_before_it_was_told_delivers_once_it_is_back(tmp_path: Path) -> None:
    """It comes back at another address, which BTCPay's webhook is moved to."""
    with double(VirtualClock()) as btcpay:
        with town(tmp_path, btcpay.url) as shop:
            account_id = shop.connect()
            purchase = shop.buy()
            shop.server.process.kill()
            shop.server.process.wait()
            btcpay.fake.pay(purchase["btcpay_invoice_id"])
        with town(tmp_path, btcpay.url, is_new=False) as shop:
            shop.reconcile()
            shop.wait_for_key(purchase)
            shop.job("webhook_check")
            (webhook,) = btcpay.fake.webhooks()
            assert webhook.url == f"{shop.server.url}/v1/btcpay/webhook/{account_id}"
            btcpay.fake.advance(3_600)
            again = shop.buy()
            btcpay.fake.pay(again["btcpay_invoice_id"])
            shop.wait_for_key(again)
            assert shop.licenses() == 2


@pytest.mark.rows(22)
def test_a_btcpay_that_creates_and_never_answers_costs_the_buyer_seconds(tmp_path: Path) -> None:
    with double(VirtualClock()) as btcpay, town(tmp_path, btcpay.url) as shop:
        shop.connect()
        btcpay.fake.faults.on_call("create_invoice", Timeout(after_acting=True))
        began_at = time.monotonic()
        refused = shop.try_to_buy()
        # Published clients give up after ten.
        assert time.monotonic() - began_at < 10
        assert (refused.status_code, refused.json()["error"]) == (502, "upstream_error")
        (orphan,) = btcpay.fake.invoices()
        btcpay.fake.pay(orphan.id)
        shop.reconcile()
        assert shop.licenses() == 1
