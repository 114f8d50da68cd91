"""Connecting, showing and disconnecting Zaprite over HTTP. Source: admin-api 2.16, payments 7.5."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.merchant import RailPreference
from keysat_core.domain.payment import Rail
from keysat_core.domain.provider_health import ProviderHealth
from keysat_core.domain.self_license import SelfLicense
from keysat_core.use_cases.zaprite.connect_zaprite import ConnectZaprite
from keysat_http.admin.zaprite import ZapriteAccount
from keysat_http.provider_ticks import check_webhooks
from tests.simulators.fault_plan import Answer, CallAction, DropField, Html, Timeout
from tests.support.http import ADMIN, PUBLIC_URL
from tests.support.shop import running_shop
from tests.support.zaprite_shop import BASE, ZapriteShop, running_zaprite_shop


@pytest.fixture
def shop() -> Iterator[ZapriteShop]:
    with running_zaprite_shop(is_connected=False) as opened:
        yield opened


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_a_connected_account_is_told_with_its_exact_webhook_address(shop: ZapriteShop) -> None:
    told = shop.connect(api_key=f"  {shop.fake.live.api_key}\n", base_url=f" {BASE}/ ")
    account = shop.account()
    assert told["ok"] is True
    assert told["provider"] == "zaprite"
    assert told["provider_id"] == account.id
    assert told["merchant_profile_id"] == account.merchant_profile_id
    assert told["merchant_profile_name"] == "Keysat"
    assert told["label"] == "Zaprite — Keysat"
    assert told["base_url"] == BASE
    assert told["webhook_url"] == f"{PUBLIC_URL}/v1/zaprite/webhook/{account.id}"
    assert told["webhook_registered"] is True
    assert "webhook_explainer" in told
    assert shop.fake.live.api_key not in str(told)
    assert list(shop.fake.live.webhooks.values()) == [told["webhook_url"]]
    assert account.webhook_id in shop.fake.live.webhooks
    assert account.webhook_secret is None
    assert account.served_rails == (Rail.CARD, Rail.LIGHTNING, Rail.ONCHAIN)


def test_a_connection_is_audited_and_told(shop: ZapriteShop) -> None:
    shop.connect()
    with shop.shop.ports.store.reading() as tx:
        (row,) = tx.trail.list_audit(action="payment_provider.connect", limit=9)
    account = shop.account()
    assert row.target_id == account.id
    assert row.details == {
        "kind": "zaprite",
        "merchant_profile_id": account.merchant_profile_id,
        "base_url": BASE,
    }
    (told,) = [e for e in shop.shop.events() if e.event_type == "payment_provider.connected"]
    assert not told.is_published
    assert shop.fake.live.api_key.encode() not in told.body


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_without_a_registration_the_address_is_there_to_paste(status: int) -> None:
    with running_zaprite_shop(is_connected=False) as shop:
        shop.fake.live.registration_refusal = status
        told = shop.connect()
        assert told["webhook_registered"] is False
        assert shop.account().webhook_id is None
        shown = shop.shop.admin("GET", "/zaprite/status")
        assert shown["webhook_url"] == told["webhook_url"]
        assert shown["webhook_registered"] is False


def test_a_registration_without_an_id_still_counts(shop: ZapriteShop) -> None:
    shop.fake.faults.on_call("create_webhook", DropField("id"))
    assert shop.connect()["webhook_registered"] is True
    assert shop.account().webhook_id is None


def test_the_default_address_and_a_label_of_ones_own(shop: ZapriteShop) -> None:
    told = shop.connect(base_url=None, label=" Cards ")
    assert (told["base_url"], told["label"]) == ("https://api.zaprite.com", "Cards")


# --- the order of refusals ----------------------------------------------------------------------


def test_only_the_master_key_connects() -> None:
    scopes = frozenset(Scope) - {Scope.MASTER}
    with running_zaprite_shop(is_connected=False, scopes=scopes) as shop:
        for path in ("connect", "disconnect"):
            answer = shop.shop.client.post(
                f"/v1/admin/zaprite/{path}", json={}, headers={"authorization": "Bearer scoped"}
            )
            assert code_of(answer) == (403, "forbidden")
        answer = shop.shop.client.get(
            "/v1/admin/zaprite/status", headers={"authorization": "Bearer scoped"}
        )
        assert answer.status_code == 200


def test_the_operators_license_comes_before_the_key() -> None:
    license = SelfLicense(entitlements=frozenset({"unlimited_products"}))
    with running_zaprite_shop(is_connected=False, self_license=license) as shop:
        answer = shop.connect(ok=False, api_key="")
        assert code_of(answer) == (402, "tier_cap")
        assert answer.json()["upgrade_url"].endswith("?policy=pro")
        assert shop.calls("list_orders") == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"api_key": ""}, "api_key"),
        ({"api_key": "  \n"}, "api_key"),
        ({"api_key": "two words"}, "api_key"),
        ({"api_key": "sch\u00fcssel"}, "api_key"),
        ({"api_key": "x" * 513}, "api_key"),
        ({"merchant_profile_id": "nobody", "base_url": "ftp://x"}, "merchant_profile_id"),
        ({"label": "x" * 201}, "label"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "https://"}, "base_url"),
        ({"base_url": "https://a b"}, "base_url"),
        ({"base_url": "https://u:p@x"}, "base_url"),
        ({"base_url": "https://x?y"}, "base_url"),
        ({"base_url": "https://x:99999"}, "base_url"),
        ({"base_url": "https://" + "x" * 2_100}, "base_url"),
    ],
)
def test_a_wrong_field_is_named(shop: ZapriteShop, body: dict[str, Any], field: str) -> None:
    answer = shop.connect(ok=False, **body)
    assert code_of(answer) == (400, "bad_request")
    assert answer.json()["detail"][0]["field"] == field
    assert shop.calls("list_orders") == 0


def test_a_body_without_a_key_is_a_bad_request(shop: ZapriteShop) -> None:
    for body in ({}, {"api_key": None}):
        answer = shop.shop.admin("POST", "/zaprite/connect", ok=False, json=body)
        assert code_of(answer) == (400, "bad_request")
    for content in (b"", b"{", b"[]"):
        answer = shop.shop.admin("POST", "/zaprite/connect", ok=False, content=content)
        assert code_of(answer) == (400, "bad_request")


def test_a_second_account_is_a_conflict_before_its_address_is_looked_at(shop: ZapriteShop) -> None:
    shop.connect()
    answer = shop.connect(ok=False, base_url="ftp://x")
    assert code_of(answer) == (409, "conflict")
    assert shop.calls("list_orders") == 1


@pytest.mark.parametrize(
    "action",
    [Answer(401, {"code": "UNAUTHORIZED", "message": "Invalid API key"}), Answer(500), Timeout()],
)
def test_a_key_zaprite_does_not_take_is_not_stored(shop: ZapriteShop, action: CallAction) -> None:
    shop.fake.faults.on_call("list_orders", action, count=None)
    answer = shop.connect(ok=False)
    assert code_of(answer) == (502, "upstream_error")
    assert shop.fake.live.api_key not in answer.text
    with shop.shop.ports.store.reading() as tx:
        assert tx.merchants.list_all_accounts(is_disconnected_included=True) == []
    assert shop.shop.audited("payment_provider.connect") == 0
    assert shop.fake.live.webhooks == {}


def test_another_services_page_is_no_zaprite(shop: ZapriteShop) -> None:
    shop.fake.faults.on_call("list_orders", Html(), count=None)
    assert code_of(shop.connect(ok=False)) == (502, "upstream_error")


# --- status -------------------------------------------------------------------------------------


def test_the_status_of_a_connected_account(shop: ZapriteShop) -> None:
    told = shop.connect()
    shown = shop.shop.admin("GET", "/zaprite/status")
    assert shown == {
        "connected": True,
        "provider_id": told["provider_id"],
        "base_url": BASE,
        "label": "Zaprite — Keysat",
        "webhook_id": shop.account().webhook_id,
        "merchant_profile_id": told["merchant_profile_id"],
        "merchant_profile_name": "Keysat",
        "webhook_url": told["webhook_url"],
        "webhook_registered": True,
        "webhook_explainer": told["webhook_explainer"],
        "state": "ok",
        "detail": None,
        "webhook_trouble": None,
        "pending_invoices": 0,
    }


def test_the_status_without_an_account(shop: ZapriteShop) -> None:
    shown = shop.shop.admin("GET", "/zaprite/status")
    assert shown["connected"] is False
    assert shown["webhook_url"] == f"{PUBLIC_URL}/v1/zaprite/webhook"
    assert shown["webhook_explainer"]
    absent = {name for name, value in shown.items() if value is None}
    assert absent == {
        "provider_id", "base_url", "label", "webhook_id", "merchant_profile_id",
        "merchant_profile_name", "state", "detail", "webhook_trouble", "pending_invoices",
    }  # fmt: skip


# --- disconnect ---------------------------------------------------------------------------------


@pytest.mark.betters("B-12")
def test_a_disconnected_account_keeps_its_history_and_no_secret(shop: ZapriteShop) -> None:
    told = shop.connect()
    purchase = shop.buy()
    account = shop.account()
    with shop.shop.ports.store.writing() as tx:
        tx.merchants.put_preference(
            RailPreference(
                merchant_profile_id=account.merchant_profile_id,
                rail=Rail.CARD,
                provider_account_id=account.id,
            )
        )
        tx.connections.put_health(ProviderHealth(account_id=account.id, failures=1))
    gone = shop.shop.admin("POST", "/zaprite/disconnect", json={})
    assert gone["ok"] is True
    assert gone["noop"] is False
    assert gone["provider_id"] == told["provider_id"]
    assert gone["pending_invoices"] == 1
    assert "Zaprite's dashboard" in gone["message"]
    with shop.shop.ports.store.reading() as tx:
        kept = tx.merchants.find_account(account.id)
        assert tx.merchants.list_preferences(account.merchant_profile_id) == []
        assert tx.connections.find_health(account.id) is None
    assert kept is not None
    assert (kept.is_connected, kept.api_key) == (False, None)
    assert shop.status(purchase) == "pending"
    assert shop.shop.admin("GET", "/zaprite/status")["connected"] is False
    assert shop.shop.audited("payment_provider.disconnect") == 1
    # No remote call.
    assert list(shop.fake.live.webhooks.values()) == [told["webhook_url"]]
    # Neither a webhook nor the reconciler trips over it.
    assert shop.fake.forge(told["webhook_url"], purchase["btcpay_invoice_id"]) == 404
    shop.tick(60)
    assert shop.status(purchase) == "pending"


def test_connected_again_the_open_invoices_settle(shop: ZapriteShop) -> None:
    shop.connect()
    purchase = shop.buy()
    shop.shop.admin("POST", "/zaprite/disconnect")
    shop.connect()
    shop.fake.pay(purchase["btcpay_invoice_id"])
    shop.fake.deliver_due()
    assert shop.status(purchase) == "settled"


def test_nothing_to_disconnect(shop: ZapriteShop) -> None:
    requests: list[dict[str, Any]] = [{}, {"json": {}}, {"json": {"provider_id": None}}]
    for request in requests:
        gone = shop.shop.admin("POST", "/zaprite/disconnect", **request)
        assert (gone["ok"], gone["noop"]) == (True, True)


@pytest.mark.betters("B-10")
def test_an_unreadable_body_disconnects_nothing(shop: ZapriteShop) -> None:
    shop.connect()
    for content in (b"{", b'{"provider_id": 7}', b"[]", b"x"):
        answer = shop.shop.admin("POST", "/zaprite/disconnect", ok=False, content=content)
        assert code_of(answer) == (400, "bad_request")
    assert shop.account().is_connected


@pytest.mark.betters("B-32")
def test_only_a_connected_zaprite_account_is_disconnected(shop: ZapriteShop) -> None:
    told = shop.connect()
    unknown = shop.shop.admin("POST", "/zaprite/disconnect", ok=False, json={"provider_id": "x"})
    assert code_of(unknown) == (404, "not_found")
    chosen = {"provider_id": told["provider_id"]}
    assert shop.shop.admin("POST", "/zaprite/disconnect", json=chosen)["noop"] is False
    again = shop.shop.admin("POST", "/zaprite/disconnect", ok=False, json=chosen)
    assert code_of(again) == (404, "not_found")


def test_what_holds_a_key_does_not_show_it() -> None:
    assert "geheim" not in repr(ConnectZaprite(api_key="geheim"))
    assert "geheim" not in repr(ZapriteAccount(api_key="geheim"))


def test_a_server_of_pretend_money_only_says_so() -> None:
    with running_shop() as shop:
        answer = shop.client.post(
            "/v1/admin/zaprite/connect", json={"api_key": "key"}, headers=ADMIN
        )
        assert code_of(answer) == (503, "btcpay_not_configured")
        account = shop.account_id
        answer = shop.client.post(
            "/v1/admin/zaprite/disconnect", json={"provider_id": account}, headers=ADMIN
        )
        assert code_of(answer) == (404, "not_found")


# --- our address changed (payments 14.2) --------------------------------------------------------

NEW_URL = "https://new.example"


def moved(shop: ZapriteShop) -> str:
    """Look after webhooks under a new address, for the first time; give the new webhook's."""
    check_webhooks(shop.shop.ports, NEW_URL)
    return f"{NEW_URL}/v1/zaprite/webhook/{shop.account().id}"


def test_a_webhook_is_registered_at_our_new_address_once(shop: ZapriteShop) -> None:
    shop.connect()
    url = moved(shop)
    check_webhooks(shop.shop.ports, NEW_URL)
    webhooks = shop.fake.live.webhooks
    assert list(webhooks.values()).count(url) == 1
    assert webhooks[shop.account().webhook_id or ""] == url
    assert shop.shop.audited("payment_provider.webhook_moved") == 1


def test_where_nothing_can_be_registered_the_operator_is_told_once(shop: ZapriteShop) -> None:
    shop.connect()
    shop.fake.live.registration_refusal = 403
    moved(shop)
    asked = shop.calls("create_webhook")
    check_webhooks(shop.shop.ports, NEW_URL)
    assert shop.calls("create_webhook") == asked
    assert shop.account().webhook_id is None
    assert shop.shop.audited("payment_provider.webhook_failing") == 1
    status = shop.shop.admin("GET", "/zaprite/status")
    assert status["webhook_trouble"]["problem"] == "outdated"
    assert (
        f"{NEW_URL}/v1/zaprite/webhook/{shop.account().id}" in status["webhook_trouble"]["detail"]
    )


@pytest.mark.parametrize("named", ["new.example", "127.0.0.1:8080"])
def test_a_webhook_that_arrives_ends_the_warning_that_its_address_is_old(
    shop: ZapriteShop, named: str
) -> None:
    """By the new host, or through a proxy that names one of its own; not by the former one."""
    shop.connect()
    shop.fake.live.registration_refusal = 403
    url = urlsplit(moved(shop))
    event = {"eventType": "order.change", "orderId": shop.buy()["btcpay_invoice_id"]}
    former = urlsplit(PUBLIC_URL).netloc
    for host, is_troubled in ((f"{former}:443", True), (former, True), (named, False)):
        shop.clock.turn(5)
        sent = shop.shop.client.post(url.path, json=event, headers={"host": host})
        assert sent.status_code == 200
        trouble = shop.shop.admin("GET", "/zaprite/status")["webhook_trouble"]
        assert (trouble is not None) is is_troubled
    check_webhooks(shop.shop.ports, NEW_URL)
    assert shop.shop.admin("GET", "/zaprite/status")["webhook_trouble"] is None
    assert shop.shop.audited("payment_provider.webhook_recovered") == 1
    assert shop.shop.audited("payment_provider.webhook_failing") == 1


def test_back_at_the_address_that_zaprite_has_nothing_is_wrong(shop: ZapriteShop) -> None:
    shop.connect()
    shop.fake.live.registration_refusal = 403
    moved(shop)
    check_webhooks(shop.shop.ports, PUBLIC_URL)
    assert shop.shop.admin("GET", "/zaprite/status")["webhook_trouble"] is None
    moved(shop)
    assert shop.shop.audited("payment_provider.webhook_failing") == 2


def test_while_zaprite_is_silent_the_new_address_is_tried_again(shop: ZapriteShop) -> None:
    shop.connect()
    shop.fake.faults.on_call("create_webhook", Answer(503))
    url = moved(shop)
    assert url not in shop.fake.live.webhooks.values()
    check_webhooks(shop.shop.ports, NEW_URL)
    assert url in shop.fake.live.webhooks.values()
