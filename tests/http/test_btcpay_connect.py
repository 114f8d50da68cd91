"""Connecting BTCPay Server over HTTP: consent, callback, and everything that may go wrong."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.actor import SYSTEM, Scope
from keysat_core.domain.connecting import PERMISSIONS
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.secret import Secret
from keysat_core.errors import ConnectStateInvalid
from keysat_core.use_cases.connections.finish_connect import FinishConnect, finish_connect
from keysat_http.settling import settle
from tests.simulators.btcpay.modes import Mode
from tests.simulators.fault_plan import Answer, Timeout
from tests.support.btcpay_shop import BASE, BROWSER, BTCPayShop, running_btcpay_shop
from tests.support.http import PUBLIC_URL
from tests.support.watched_store import WatchedStore

CALLBACK = "/v1/btcpay/authorize/callback"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def webhooks(opened: BTCPayShop) -> list[str]:
    return [one.url for one in opened.fake.world.webhooks.values()]


def failure(opened: BTCPayShop) -> Any:
    """Give what the default profile tells of the last try to connect."""
    (profile,) = opened.shop.admin("GET", "/merchant-profiles")["profiles"]
    return opened.shop.admin("GET", f"/merchant-profiles/{profile['id']}")["connect_failure"]


@pytest.mark.betters("B-31")
def test_the_consent_link_asks_for_what_is_needed_and_no_more() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        link = opened.begin()
        parts = urlsplit(link["authorize_url"])
        assert f"{parts.scheme}://{parts.netloc}" == BROWSER
        assert parts.path == "/api-keys/authorize"
        redirect = f"{PUBLIC_URL}{CALLBACK}?state={link['state']}"
        assert parse_qsl(parts.query) == [
            ("applicationName", "Keysat"),
            ("applicationIdentifier", "keysat"),
            ("strict", "true"),
            ("selectiveStores", "true"),
            ("redirect", redirect),
            *(("permissions", permission) for permission in PERMISSIONS),
        ]
        assert len(link["state"]) == 32


def test_looking_at_a_link_before_it_is_followed_uses_nothing_up() -> None:
    """Programs that show or check links send HEAD; the state is good for one connect."""
    with running_btcpay_shop(is_connected=False) as opened:
        state, key = opened.begin()["state"], opened.fake.add_key(opened.store.id)
        link = {"state": state, "apiKey": key}
        for _ in range(2):
            looked = opened.shop.client.head(CALLBACK, params=link)
            assert (looked.status_code, looked.content) == (200, b"")
            assert looked.headers["cache-control"] == "no-store"
        assert opened.fake.journal.calls() == []
        assert opened.shop.admin("GET", "/btcpay/status") == {"connected": False}
        assert opened.shop.client.head(CALLBACK, params={"state": state}).status_code == 303
        assert opened.shop.client.get(CALLBACK, params=link).status_code == 200
        assert opened.shop.admin("GET", "/btcpay/status")["connected"]


@pytest.mark.betters("B-31")
def test_after_consent_a_store_is_connected_and_sells() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        assert opened.shop.admin("GET", "/btcpay/status") == {"connected": False}
        answer = opened.consent(opened.begin(label="Our node"))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "A store" in answer.text
        account = opened.account()
        status = opened.shop.admin("GET", "/btcpay/status")
        assert status == {
            "connected": True,
            "provider_id": account.id,
            "store_id": opened.store.id,
            "webhook_id": account.webhook_id,
            "base_url": BASE,
            "label": "Our node",
            "merchant_profile_id": account.merchant_profile_id,
            "merchant_profile_name": "Keysat",
            "store_name": opened.store.name,
            "state": "ok",
            "detail": None,
            "webhook_trouble": None,
            "pending_invoices": 0,
        }
        (webhook,) = opened.fake.world.webhooks.values()
        assert webhook.url == f"{PUBLIC_URL}/v1/btcpay/webhook/{account.id}"
        assert account.webhook_secret is not None
        assert len(account.webhook_secret.reveal()) == 52
        assert opened.shop.audited("payment_provider.connect") == 1
        purchase = opened.buy()
        assert purchase["checkout_url"].startswith("https://pay.example/btcpay/i/")
        opened.pay(purchase)
        assert opened.shop.poll(purchase["invoice_id"])["license_key"] is not None


def test_a_key_made_by_hand_connects_by_a_link() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        key = opened.fake.add_key(opened.store.id)
        state = opened.begin()["state"]
        answer = opened.shop.client.get(CALLBACK, params={"state": state, "apiKey": key})
        assert answer.status_code == 200
        assert key not in answer.text


@pytest.mark.rows(30)
def test_a_link_works_once_and_for_half_an_hour() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        link = opened.begin()
        opened.clock.turn(1_801)
        assert opened.consent(link).status_code == 401
        used = opened.begin()
        assert opened.consent(used).status_code == 200
        assert opened.consent(used).status_code == 401
        unknown = opened.shop.client.get(CALLBACK, params={"state": "X" * 32, "apiKey": "k"})
        assert unknown.status_code == 401
        assert "text/html" in unknown.headers["content-type"]
        assert len(webhooks(opened)) == 1


def test_who_guesses_a_link_takes_no_turn_to_write() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        ports = opened.shop.ports
        watched = WatchedStore(ports.store, dies_at=1)
        with pytest.raises(ConnectStateInvalid):
            finish_connect(
                SYSTEM,
                FinishConnect(token=Secret("X" * 32), api_key=Secret("k")),
                public_url=PUBLIC_URL,
                store=watched,
                clock=ports.clock,
                ids=ports.ids,
                entropy=ports.entropy,
                btcpay=ports.btcpay,
            )
        assert watched.steps == []


def test_what_a_link_remembers_is_bounded() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        body = {"store_id": "x" * 100_000}
        refused = opened.shop.admin("POST", "/btcpay/connect", ok=False, json=body)
        assert refused.status_code == 400
        assert refused.json()["detail"][0]["field"] == "store_id"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "GET", "params": {"error": "<b>denied</b>"}}, 400),
        ({"method": "GET", "params": {"state": "x"}}, 303),
        ({"method": "GET", "params": {"apiKey": "x"}}, 400),
        ({"method": "POST", "content": b"apiKey=x", "headers": FORM}, 400),
        ({"method": "POST", "params": {"state": "x"}, "content": b"a=b", "headers": FORM}, 422),
        ({"method": "POST", "params": {"state": "x"}, "json": {"apiKey": "x"}}, 415),
    ],
)
@pytest.mark.betters("B-31")
def test_what_is_no_callback_is_refused(request_: dict[str, Any], status: int) -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        answer = opened.shop.client.request(url=CALLBACK, **request_)
        assert answer.status_code == status
        assert "<b>" not in answer.text


@pytest.mark.rows(31)
@pytest.mark.betters("B-31")
def test_one_store_is_taken_and_of_several_the_one_that_was_named() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        other = opened.fake.add_store("Second")
        both = (opened.store.id, other.id)
        refused = opened.consent(opened.begin(), *both)
        assert refused.status_code == 400
        assert other.id in refused.text
        assert "Second" in refused.text
        assert webhooks(opened) == []
        told = failure(opened)
        assert told["message"].startswith("the key covers several stores")
        assert [(one["id"], one["name"]) for one in told["stores"]] == [
            (opened.store.id, opened.store.name),
            (other.id, "Second"),
        ]
        begun = opened.begin(store_id=other.id)
        assert failure(opened) is None
        assert opened.consent(begun, *both).status_code == 200
        assert failure(opened) is None
        assert opened.account().store_id == other.id


@pytest.mark.rows(31)
def test_a_key_for_no_store_connects_nothing() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        nobody = opened.fake.add_user()
        key = opened.fake.add_key(user=nobody)
        state = opened.begin()["state"]
        answer = opened.shop.client.get(CALLBACK, params={"state": state, "apiKey": key})
        assert answer.status_code == 400
        assert key not in opened.fake.world.keys


def test_a_key_that_may_do_too_little_is_told_what_it_lacks() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        key = opened.fake.add_key(
            opened.store.id, permissions=["btcpay.store.canviewstoresettings"]
        )
        state = opened.begin()["state"]
        answer = opened.shop.client.get(CALLBACK, params={"state": state, "apiKey": key})
        assert answer.status_code == 400
        assert "cancreateinvoice" in answer.text
        assert "cancreateinvoice" in failure(opened)["message"]
        assert failure(opened)["stores"] == []
        assert key not in str(failure(opened))
        assert webhooks(opened) == []


def test_an_old_server_is_refused_with_the_remedy() -> None:
    with running_btcpay_shop(is_connected=False, mode=Mode.V1_13) as opened:
        answer = opened.consent(opened.begin())
        assert answer.status_code == 400
        assert "2.0 or newer" in answer.text


@pytest.mark.parametrize(
    "operation", ["list_stores", "get_server_info", "get_current_key", "create_webhook"]
)
@pytest.mark.betters("B-31")
def test_a_step_that_fails_leaves_nothing_behind(operation: str) -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        opened.fake.faults.on_call(
            operation, Answer(500), count=2 if "create" not in operation else 1
        )
        form_key_count = len(opened.fake.world.keys)
        assert opened.consent(opened.begin()).status_code == 502
        assert webhooks(opened) == []
        assert len(opened.fake.world.keys) == form_key_count
        assert opened.shop.admin("GET", "/btcpay/status") == {"connected": False}


def test_a_profile_has_one_btcpay_server_and_the_slower_of_two_connects_loses() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        first, second = opened.begin(), opened.begin()
        assert opened.consent(first).status_code == 200
        keys = len(opened.fake.world.keys)
        assert opened.consent(second).status_code == 409
        assert len(webhooks(opened)) == 1
        assert len(opened.fake.world.keys) == keys
        again = opened.shop.admin("POST", "/btcpay/connect", ok=False, json={})
        assert (again.status_code, again.json()["error"]) == (409, "conflict")


# --- who may (admin-api 1.3) --------------------------------------------------------------------

SCOPED = {"authorization": "Bearer scoped"}
WRITE = frozenset({Scope.PAYMENT_PROVIDERS_WRITE})


@pytest.mark.rows(32)
@pytest.mark.parametrize(
    ("is_sandbox", "scopes", "status"),
    [(False, WRITE, 403), (True, frozenset(), 403), (True, WRITE, 200)],
)
def test_a_scoped_key_connects_only_in_sandbox_mode_and_with_the_scope(
    *, is_sandbox: bool, scopes: frozenset[Scope], status: int
) -> None:
    with running_btcpay_shop(is_connected=False, is_sandbox=is_sandbox, scopes=scopes) as opened:
        answer = opened.shop.client.post("/v1/admin/btcpay/connect", headers=SCOPED)
        assert answer.status_code == status


@pytest.mark.rows(32)
@pytest.mark.parametrize(
    ("store", "status"),
    [
        ({"network": "regtest"}, 200),
        ({"network": "testnet"}, 200),
        ({"network": "mainnet"}, 400),
        ({"network": "regtest", "has_wallet": False}, 400),
        ({"network": "regtest", "is_node_synced": False}, 400),
    ],
)
def test_a_scoped_key_connects_stores_of_test_networks_only(
    store: dict[str, Any], status: int
) -> None:
    with running_btcpay_shop(is_connected=False, is_sandbox=True, scopes=WRITE, **store) as opened:
        link = opened.shop.client.post("/v1/admin/btcpay/connect", headers=SCOPED).json()
        answer = opened.consent(link)
        assert answer.status_code == status
        assert len(webhooks(opened)) == (status == 200)
        assert opened.shop.audited("payment_provider.connect_scoped") == (status == 200)
        if status == 400:
            assert "non-mainnet" in answer.text


def test_the_master_key_connects_a_mainnet_store() -> None:
    with running_btcpay_shop(network="mainnet") as opened:
        assert opened.account().store_id == opened.store.id


# --- disconnecting ------------------------------------------------------------------------------


@pytest.mark.betters("B-12")
def test_disconnecting_keeps_the_history_and_cleans_up_there() -> None:
    with running_btcpay_shop() as opened:
        account = opened.account()
        purchase = opened.buy()
        gone = opened.shop.admin("POST", "/btcpay/disconnect")
        assert gone == {
            "ok": True,
            "noop": False,
            "provider_id": account.id,
            "store_id": account.store_id,
            "webhook_id": account.webhook_id,
            "pending_invoices": 1,
            "warnings": [],
        }
        assert webhooks(opened) == []
        kept = opened.account()
        assert kept.api_key is None
        assert kept.webhook_secret is None
        assert opened.shop.invoice(purchase["invoice_id"]).provider_account_id == account.id
        assert opened.shop.admin("POST", "/btcpay/disconnect")["noop"] is True
        refused = opened.shop.post("/v1/purchase", product="app")
        assert refused.status_code == 400


@pytest.mark.betters("B-12")
def test_disconnecting_works_while_btcpay_is_down() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("delete_webhook", Timeout())
        opened.fake.faults.on_call("revoke_current_key", Answer(500))
        gone = opened.shop.admin("POST", "/btcpay/disconnect", json={})
        assert len(gone["warnings"]) == 2
        assert opened.shop.admin("GET", "/btcpay/status") == {"connected": False}


def test_connecting_again_removes_a_webhook_that_was_left_there_and_no_other() -> None:
    with running_btcpay_shop() as opened:
        left = opened.account()
        elsewhere = "https://accounting.example/hook"
        opened.fake.faults.on_call("delete_webhook", Timeout())
        opened.fake.faults.on_call("revoke_current_key", Timeout())
        opened.shop.admin("POST", "/btcpay/disconnect", json={})
        (old,) = opened.fake.world.webhooks.values()
        assert old.url.endswith(left.id)
        sender = HTTPSender(transport=opened.fake.transport())
        with sender:
            gateway = BTCPayGateway(sender, base_url=BASE)
            key = Secret(opened.fake.add_key(opened.store.id))
            gateway.stores(BASE, key).put_webhook(
                opened.store.id, elsewhere, Secret("theirs"), former_urls=()
            )
        opened.clock.turn(1)
        opened.connect()
        urls = {hook.url for hook in opened.fake.world.webhooks.values()}
        assert urls == {elsewhere, f"{PUBLIC_URL}/v1/btcpay/webhook/{opened.account().id}"}


@pytest.mark.betters("B-10")
def test_an_undecodable_body_disconnects_nothing() -> None:
    with running_btcpay_shop() as opened:
        refused = opened.shop.admin("POST", "/btcpay/disconnect", ok=False, content=b"{provider")
        assert refused.status_code == 400
        named = opened.shop.admin("POST", "/btcpay/disconnect", json={"provider_id": "another"})
        assert named["noop"] is True
        assert opened.account().is_connected


@pytest.mark.betters("B-10")
def test_an_undecodable_body_connects_nothing() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        for body in (b"{merchant", b'{"merchant_profile_id": 7}'):
            refused = opened.shop.admin("POST", "/btcpay/connect", ok=False, content=body)
            assert (refused.status_code, refused.json()["error"]) == (400, "bad_request")
        assert opened.begin()["state"]


def test_what_was_bought_before_is_still_delivered_after_connecting_again() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.shop.admin("POST", "/btcpay/disconnect")
        opened.tick(60)
        assert opened.status(purchase) == "pending"
        opened.connect()
        opened.pay(purchase)
        assert opened.status(purchase) == "settled"


def test_an_invoice_of_a_store_that_never_comes_back_ends_after_thirty_days() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.shop.admin("POST", "/btcpay/disconnect")
        for _ in range(30):
            opened.tick(86_400)
        assert opened.status(purchase) == "expired"


def test_payment_methods_are_shown_as_btcpay_says_them() -> None:
    with running_btcpay_shop() as opened:
        shown = opened.shop.admin("GET", "/btcpay/payment-methods")
        assert shown["store_id"] == opened.store.id
        assert shown["count"] == len(shown["methods"]) > 0
        assert {one["paymentMethodId"] for one in shown["methods"]} >= {"BTC-CHAIN", "BTC-LN"}
        opened.shop.admin("POST", "/btcpay/disconnect")
        missing = opened.shop.admin("GET", "/btcpay/payment-methods", ok=False)
        assert (missing.status_code, missing.json()["error"]) == (503, "btcpay_not_configured")


def test_what_was_settled_before_is_not_held_against_a_provider_that_is_gone() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.pay(purchase)
        opened.shop.admin("POST", "/btcpay/disconnect")
        look = settle(opened.shop.ports, SYSTEM, InvoiceId(purchase["invoice_id"]))
        assert look.outcome == "unchanged"
        assert opened.shop.audited("invoice.provider_reversed") == 0


@pytest.mark.parametrize(("public_base", "times"), [(None, 1), ("https://pay.example", 0)])
def test_links_that_stay_as_btcpay_writes_them_are_told_of_once(
    caplog: pytest.LogCaptureFixture, public_base: str | None, times: int
) -> None:
    caplog.set_level("INFO", "keysat.btcpay")
    with running_btcpay_shop() as opened, HTTPSender(transport=opened.fake.transport()) as sender:
        gateway = BTCPayGateway(sender, base_url=BASE, public_base=public_base)
        for _ in range(3):
            gateway.provider_for(opened.account()).probe()
    assert len([one for one in caplog.records if one.name == "keysat.btcpay"]) == times


def test_an_account_of_an_old_database_without_its_store_is_forgotten_with_a_warning() -> None:
    with running_btcpay_shop() as opened:
        with opened.shop.ports.store.writing() as tx:
            (account,) = tx.merchants.list_all_accounts(is_disconnected_included=False)
            tx.merchants.put_account(msgspec.structs.replace(account, store_id=None))
        gone = opened.shop.admin("POST", "/btcpay/disconnect")
        assert len(gone["warnings"]) == 1
        assert not opened.account().is_connected
