"""Connecting, disconnecting and taking over a BTCPay Server when something around it is missing."""

from typing import Any

import httpx
import msgspec
import pytest

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.connecting import CALLBACK_PATH as CALLBACK
from keysat_core.domain.secret import Secret
from keysat_core.errors import NotConfigured
from keysat_core.use_cases.connections.finish_connect import FinishConnect, finish_connect
from keysat_core.use_cases.connections.seed_btcpay import BTCPaySeed, seed_btcpay
from keysat_http.provider_ticks import check_webhooks
from tests.simulators.btcpay.forgeries import forged
from tests.simulators.fault_plan import Answer
from tests.support.btcpay_accounts import add_profile
from tests.support.btcpay_shop import BASE, running_btcpay_shop
from tests.support.http import PUBLIC_URL
from tests.support.sale_outcome import assert_sold_once


def test_a_profile_that_is_not_there_is_not_connected() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        refused = opened.shop.admin(
            "POST", "/btcpay/connect", ok=False, json={"merchant_profile_id": "nobody"}
        )
        assert refused.status_code == 400
        assert "no such merchant profile" in refused.json()["message"]


def test_a_server_that_was_told_of_no_btcpay_meanwhile_finishes_no_connect() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        ports = opened.shop.ports
        command = FinishConnect(token=Secret(opened.begin()["state"]), api_key=Secret("k" * 40))
        with pytest.raises(NotConfigured):
            finish_connect(
                SYSTEM,
                command,
                public_url=PUBLIC_URL,
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
                entropy=ports.entropy,
                btcpay=None,
            )


def test_an_account_without_a_webhook_is_disconnected_with_its_key() -> None:
    with running_btcpay_shop() as opened:
        key = opened.account().api_key
        assert key is not None
        bare = msgspec.structs.replace(opened.account(), webhook_id=None)
        with opened.shop.ports.store.writing() as tx:
            tx.merchants.put_account(bare)
        gone = opened.shop.admin("POST", "/btcpay/disconnect")
        assert (gone["webhook_id"], gone["warnings"]) == (None, [])
        assert key.reveal() not in opened.fake.world.keys


def test_a_profile_with_a_btcpay_server_takes_over_no_other() -> None:
    with running_btcpay_shop() as opened:
        ports = opened.shop.ports
        seed = BTCPaySeed(api_key=Secret("k"), store_id="other", webhook_secret=Secret("w"))
        taken = seed_btcpay(
            seed, base_url=BASE, store=ports.store, clock=ports.clock, ids=ports.ids
        )
        assert taken is None


def test_a_webhook_about_an_invoice_neither_account_of_the_store_knows_is_kept() -> None:
    with running_btcpay_shop() as opened:
        opened.shop.admin("POST", "/btcpay/disconnect")
        opened.clock.turn(1)
        account = opened.connect()
        webhook = opened.fake.webhook(opened.webhook_id())
        forgery = forged(opened.fake.world, webhook, "InvoiceSettled", "of-another-shop")
        answer = opened.shop.client.post(
            f"/v1/btcpay/webhook/{account.id}",
            headers=dict(forgery.headers),
            content=forgery.body,
        )
        assert answer.status_code == 200
        with opened.shop.ports.store.reading() as tx:
            (kept,) = tx.receipts.list_unmatched(account.id, "of-another-shop")
        assert kept.invoice_id is None


# --- what was sold while an account was being connected -------------------------------------------


def test_what_was_sold_while_a_connect_failed_is_still_delivered() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        sold: list[dict[str, Any]] = []

        def buy(request: httpx.Request) -> None:
            if request.method == "POST" and request.url.path.endswith("/webhooks"):
                opened.line.before = lambda _: None
                sold.append(opened.buy())

        opened.line.before = buy
        opened.fake.faults.on_call("create_webhook", Answer(422))
        page = opened.consent(opened.begin())
        assert page.status_code == 200
        assert "could not be registered" in page.text
        (purchase,) = sold
        opened.pay(purchase)
        opened.tick(60)
        assert_sold_once(opened, purchase)
        opened.clock.turn(15 * 60)
        check_webhooks(opened.shop.ports, PUBLIC_URL)
        assert opened.account().webhook_id is not None


# --- one key for several accounts -----------------------------------------------------------------


def test_a_link_used_with_a_key_that_sells_already_revokes_it_not() -> None:
    """Row 33 by hand: two links at once, and the same key pasted into both."""
    with running_btcpay_shop(is_connected=False) as opened:
        key = opened.fake.add_key(opened.store.id)
        first, second = (opened.begin()["state"] for _ in range(2))
        answers = [
            opened.shop.client.get(CALLBACK, params={"state": state, "apiKey": key})
            for state in (first, second)
        ]
        assert [answer.status_code for answer in answers] == [200, 409]
        assert "Nothing was connected" in answers[1].text
        assert key in opened.fake.world.keys
        opened.pay(opened.buy())


@pytest.mark.parametrize("operation", ["list_stores", "create_webhook"])
def test_a_connect_that_fails_spares_a_key_that_another_account_sells_with(operation: str) -> None:
    with running_btcpay_shop() as opened:
        key = opened.account().api_key
        assert key is not None
        profile_id = add_profile(opened, "Two")
        opened.fake.faults.on_call(operation, Answer(422))
        state = opened.begin(merchant_profile_id=profile_id)["state"]
        failed = opened.shop.client.get(CALLBACK, params={"state": state, "apiKey": key.reveal()})
        assert failed.status_code == 502
        assert key.reveal() in opened.fake.world.keys
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)


def test_a_key_of_two_accounts_is_told_and_outlives_the_first_of_them() -> None:
    with running_btcpay_shop() as opened:
        first = opened.account()
        assert first.api_key is not None
        key = first.api_key.reveal()
        opened.clock.turn(1)
        state = opened.begin(merchant_profile_id=add_profile(opened, "Two"))["state"]
        page = opened.shop.client.get(CALLBACK, params={"state": state, "apiKey": key})
        assert "has the same API key" in page.text
        second = opened.account()
        for account, is_kept in ((first, True), (second, False)):
            gone = opened.shop.admin("POST", "/btcpay/disconnect", json={"provider_id": account.id})
            assert bool(gone["warnings"]) is is_kept
            assert (key in opened.fake.world.keys) is is_kept
