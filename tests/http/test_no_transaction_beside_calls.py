"""No transaction is open while BTCPay is called, whoever calls it. Source: payments 11.1, rule 4.

Every call opens a transaction of its own beside it. In memory there is one connection, so that fails
if its thread, or one that waits for it, is in any transaction, even one that only reads.
"""

from collections.abc import Callable

import pytest

from keysat_http.provider_ticks import check_webhooks, probe_providers
from tests.simulators.fault_plan import Answer, CallAction, Timeout
from tests.support.btcpay_accounts import change_invoice
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.http import PUBLIC_URL
from tests.support.line import OpenTransactions
from tests.support.sale_outcome import assert_sold_once


def watch(opened: BTCPayShop) -> OpenTransactions:
    watched = OpenTransactions(store=opened.shop.ports.store)
    opened.line.before = watched
    return watched


def assert_free(watched: OpenTransactions, *fragments: str) -> None:
    """It was called, for this and that, and never with a transaction open."""
    assert watched.breaches == []
    for fragment in fragments:
        assert any(fragment in call for call in watched.calls), (fragment, watched.calls)


def test_the_watch_sees_a_transaction_that_is_open() -> None:
    with running_btcpay_shop() as opened:
        watched = watch(opened)
        account = opened.account()
        with opened.shop.ports.store.reading():
            opened.gateway.stores_of(account).list_stores()
        assert len(watched.breaches) == 1


def test_buying_and_being_paid() -> None:
    with running_btcpay_shop() as opened:
        watched = watch(opened)
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)
        invoice = f"/invoices/{purchase['btcpay_invoice_id']}"
        assert_free(
            watched, "POST /api/v1/stores", f"GET /api/v1/stores/{opened.store.id}{invoice}"
        )


@pytest.mark.parametrize("trouble", [Timeout(after_acting=True), Answer(422, []), Answer(500)])
def test_buying_in_vain_and_again(trouble: CallAction) -> None:
    with running_btcpay_shop() as opened:
        watched = watch(opened)
        opened.fake.faults.on_call("create_invoice", trouble)
        headers = {"idempotency-key": "a-buyer-who-tries-again"}
        for status in (502, 200):
            answer = opened.shop.client.post(
                "/v1/purchase", json={"product": "app"}, headers=headers
            )
            assert answer.status_code == status
            opened.clock.turn(10)
        assert_free(watched, "POST /api/v1/stores")


def test_rounds_and_looking_again() -> None:
    with running_btcpay_shop() as opened:
        watched = watch(opened)
        opened.fake.faults.on_call("get_invoice", Answer(503), count=6)
        purchases = [opened.buy() for _ in range(6)]
        for purchase in purchases:
            opened.pay(purchase)
        change_invoice(opened, purchases[0]["invoice_id"], provider_account_id=None)
        change_invoice(opened, purchases[1]["invoice_id"], provider_invoice_id=None)
        for _ in range(4):
            opened.tick(120)
        for purchase in purchases:
            assert_sold_once(opened, purchase)
        assert_free(watched, "GET /api/v1/stores")


def test_connecting_and_disconnecting() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        watched = watch(opened)
        opened.connect()
        opened.shop.admin("GET", "/btcpay/payment-methods")
        opened.shop.admin("POST", "/btcpay/disconnect")
        assert_free(
            watched,
            "GET /api/v1/stores",
            "GET /api/v1/server/info",
            "GET /api/v1/api-keys/current",
            "POST /api/v1/stores",
            "/payment-methods",
            "DELETE /api/v1/stores",
            "DELETE /api/v1/api-keys/current",
        )


def test_connecting_in_vain() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        watched = watch(opened)
        first, second = opened.begin(), opened.begin()
        assert opened.consent(first).status_code == 200
        assert opened.consent(second).status_code == 409
        assert_free(watched, "DELETE /api/v1/api-keys/current")


@pytest.mark.parametrize(
    "look",
    [probe_providers, lambda ports: check_webhooks(ports, PUBLIC_URL)],
    ids=["probe", "webhook"],
)
def test_looking_after_an_account(look: Callable[..., object]) -> None:
    with running_btcpay_shop() as opened:
        watched = watch(opened)
        opened.fake.delete_webhook(opened.webhook_id())
        look(opened.shop.ports)
        opened.fake.revoke_key(opened.account().api_key.reveal())  # type: ignore[union-attr]
        look(opened.shop.ports)
        assert_free(watched, "GET /api/v1/stores")
