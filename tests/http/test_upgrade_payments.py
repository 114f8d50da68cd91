"""Upgrades paid at BTCPay's double, whatever becomes of its webhooks. Source: payments 17, 9.3."""

from threading import Barrier, Thread
from typing import Any

import pytest

from keysat_http.reconciling import reconcile_invoices
from tests.simulators.btcpay.invoices import Status
from tests.simulators.fault_plan import ANY, DropDelivery, DuplicateDelivery
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.line import is_reading_invoice
from tests.support.sale_outcome import events_about, webhook_answers

SETTLED = "InvoiceSettled"


def open_ladder(opened: BTCPayShop) -> dict[str, Any]:
    """Sell a license of the lower of two tiers."""
    opened.shop.add_policy("basic", tier_rank=1, price_sats_override=25_000)
    opened.shop.add_policy("pro", tier_rank=2, price_sats_override=75_000, entitlements=["c"])
    opened.shop.add_policy("top", tier_rank=3, price_sats_override=95_000)
    purchase = opened.buy(policy_slug="basic", buyer_email="b@example.com")
    opened.pay(purchase)
    return opened.shop.poll(purchase["invoice_id"])


def start(opened: BTCPayShop, sold: dict[str, Any], slug: str = "pro") -> dict[str, Any]:
    answer = opened.shop.post(
        "/v1/upgrade", license_key=sold["license_key"], target_policy_slug=slug
    )
    assert answer.status_code == 200, answer.text
    started: dict[str, Any] = answer.json()
    return started | {"btcpay_invoice_id": started["provider_invoice_id"]}


def assert_changed_once(
    opened: BTCPayShop, sold: dict[str, Any], started: dict[str, Any]
) -> dict[str, Any]:
    """The license is on the tier that was paid, told once, and there is no second license."""
    shop = opened.shop
    polled = shop.poll(started["invoice_id"])
    assert (polled["status"], polled["license_id"]) == ("settled", sold["license_id"])
    assert shop.validate(polled["license_key"])["entitlements"] == ["c"]
    assert [license.id for license in shop.licenses()] == [sold["license_id"]]
    assert len(events_about(shop, "license.tier_changed", started["invoice_id"])) == 1
    assert events_about(shop, "license.issued", started["invoice_id"]) == []
    assert shop.audited("subscription.upgrade.applied") == 1
    return polled


def test_a_paid_upgrade_is_applied_by_its_webhook() -> None:
    with running_btcpay_shop() as opened:
        sold = open_ladder(opened)
        started = start(opened, sold)
        opened.pay(started)
        assert_changed_once(opened, sold, started)
        opened.tick(900)
        assert_changed_once(opened, sold, started)


@pytest.mark.rows(4)
def test_d4_without_any_webhook_the_reconciler_applies_the_change() -> None:
    """D4: it changes the license that is there, and issues none."""
    with running_btcpay_shop() as opened:
        sold = open_ladder(opened)
        opened.fake.disable_webhook(opened.webhook_id())
        started = start(opened, sold)
        opened.pay(started)
        assert opened.shop.poll(started["invoice_id"])["license_key"] is None
        opened.tick(60)
        opened.tick(60)
        assert_changed_once(opened, sold, started)


@pytest.mark.rows(5)
def test_ten_equal_deliveries_at_once_and_a_pass_beside_them_change_it_once() -> None:
    with running_btcpay_shop() as opened:
        sold = open_ladder(opened)
        started = start(opened, sold)
        opened.fake.faults.on_delivery("InvoiceProcessing", DropDelivery())
        opened.fake.faults.on_delivery(SETTLED, DuplicateDelivery(times=10, is_concurrent=True))
        together = Barrier(11)

        opened.line.after = lambda request: is_reading_invoice(request) and together.wait(20)
        beside = Thread(target=lambda: reconcile_invoices(opened.shop.ports))
        beside.start()
        opened.pay(started)
        beside.join(20)
        assert not together.broken
        assert webhook_answers(opened) == {200}
        assert_changed_once(opened, sold, started)


@pytest.mark.rows(6)
def test_d39_a_redelivery_after_a_later_change_undoes_nothing() -> None:
    """D39: the old settlement comes again a day after another change."""
    with running_btcpay_shop() as opened:
        sold = open_ladder(opened)
        started = start(opened, sold)
        opened.pay(started)
        assert_changed_once(opened, sold, started)
        path = f"/licenses/{sold['license_id']}"
        opened.shop.admin("POST", f"{path}/change-tier", json={"to_policy_slug": "top"})
        before = opened.shop.admin("GET", path)
        opened.clock.turn(86_400)
        found = opened.fake.deliveries(opened.webhook_id())
        deliveries = [one.id for one in found if one.occurrence.event.type == SETTLED]
        opened.fake.redeliver(opened.webhook_id(), deliveries[-1])
        opened.tick(60)
        assert opened.shop.admin("GET", path) == before
        assert webhook_answers(opened) == {200}


def test_an_upgrade_that_expires_unpaid_makes_room_for_another() -> None:
    with running_btcpay_shop() as opened:
        sold = open_ladder(opened)
        first = start(opened, sold)
        opened.tick(16 * 60)
        assert opened.shop.poll(first["invoice_id"])["status"] == "expired"
        second = start(opened, sold)
        assert second["invoice_id"] != first["invoice_id"]
        opened.pay(second)
        assert_changed_once(opened, sold, second)


def test_a_late_payment_is_applied_when_the_operator_marks_it_settled() -> None:
    with running_btcpay_shop() as opened:
        sold = open_ladder(opened)
        started = start(opened, sold)
        opened.tick(16 * 60)
        opened.pay(started)
        assert opened.shop.poll(started["invoice_id"])["license_key"] is None
        opened.fake.faults.on_delivery(ANY, DropDelivery(), count=None)
        opened.fake.mark(started["btcpay_invoice_id"], Status.SETTLED)
        opened.tick(900)
        assert_changed_once(opened, sold, started)
