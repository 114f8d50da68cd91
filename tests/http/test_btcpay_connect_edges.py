"""Connecting, disconnecting and taking over a BTCPay Server when something around it is missing."""

import msgspec
import pytest

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.secret import Secret
from keysat_core.errors import NotConfigured
from keysat_core.use_cases.connections.finish_connect import FinishConnect, finish_connect
from keysat_core.use_cases.connections.seed_btcpay import BTCPaySeed, seed_btcpay
from tests.simulators.btcpay.forgeries import forged
from tests.support.btcpay_shop import BASE, running_btcpay_shop
from tests.support.http import PUBLIC_URL


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
