"""Merchant profiles, as operators manage them. Source: payments 4.2, 6.10; admin-api 2.14, B-14, B-22."""

from typing import Any, Final

import msgspec
import pytest
import structlog

from keysat_adapters.registry import ProviderRegistry
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, disconnected
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import SelfLicense
from keysat_core.ports.sandbox import PretendPayment
from keysat_http.reconciling import reconcile_invoices
from tests.support.builders import NOW, later, make_account
from tests.support.shop import Shop, running_shop

PATH: Final = "/merchant-profiles"
PROFILE_KEYS: Final = {
    "id", "name", "legal_name", "support_url", "support_email", "brand_color",
    "post_purchase_redirect_url", "is_default", "smtp_configured", "smtp_host", "smtp_port",
    "smtp_username", "smtp_from_address", "smtp_from_name", "smtp_use_starttls", "created_at",
    "updated_at",
}  # fmt: skip
IDENTITY: Final = {
    "legal_name": "Notes Ltd",
    "support_url": "https://notes.example/help",
    "support_email": "help@notes.example",
    "brand_color": "#1a2b3c",
    "post_purchase_redirect_url": "https://notes.example/thanks/{invoice_id}",
}
MAIL: Final = {
    "smtp_host": "mail.notes.example",
    "smtp_port": 587,
    "smtp_username": "notes",
    "smtp_from_address": "shop@notes.example",
    "smtp_from_name": "Notes",
    "smtp_use_starttls": False,
}
HORSE: Final = "horse-battery"


def refused(shop: Shop, method: str, path: str, **request: Any) -> tuple[int, str]:
    response = shop.admin(method, path, ok=False, **request)
    return response.status_code, response.json()["error"]


def default_profile(shop: Shop) -> dict[str, Any]:
    profile: dict[str, Any] = shop.admin("GET", PATH)["profiles"][0]
    return profile


def add(shop: Shop, name: str = "Notes", **fields: Any) -> dict[str, Any]:
    profile: dict[str, Any] = shop.admin("POST", PATH, json={"name": name} | fields)
    return profile


def connect(shop: Shop, profile_id: str, **fields: Any) -> ProviderAccount:
    account = make_account(merchant_profile_id=profile_id, **fields)
    with shop.ports.store.writing() as tx:
        tx.merchants.put_account(account)
    return account


def disconnect(shop: Shop, account_id: str) -> None:
    with shop.ports.store.writing() as tx:
        account = tx.merchants.find_account(ProviderAccountId(account_id))
        assert account is not None
        tx.merchants.put_account(disconnected(account, NOW))


def test_a_new_profile_is_given_back_without_providers(shop: Shop) -> None:
    profile = add(shop, " Notes ", **IDENTITY, is_default=True, smtp_host="ignored")
    assert set(profile) == PROFILE_KEYS
    assert profile | {"id": ""} == {
        "id": "",
        "name": " Notes ",
        **IDENTITY,
        "is_default": False,
        "smtp_configured": False,
        **dict.fromkeys(MAIL),
        "smtp_use_starttls": True,
        "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
    }
    assert shop.audited("merchant_profile.create") == 2
    assert add(shop, legal_name=None, brand_color=None)["legal_name"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": None},
        {"name": "n" * 201},
        {"support_url": "javascript:alert(1)"},
        {"support_email": "nobody"},
        {"brand_color": "blue"},
        {"post_purchase_redirect_url": "data:text/html,{invoice_id}"},
        {"legal_name": 7},
    ],
)
def test_fields_that_break_a_rule_leave_nothing_behind(shop: Shop, fields: dict[str, Any]) -> None:
    assert refused(shop, "POST", PATH, json={"name": "Notes"} | fields) == (400, "bad_request")
    assert len(shop.admin("GET", PATH)["profiles"]) == 1


def test_the_free_tier_of_keysat_has_one_profile_and_says_so_first() -> None:
    with running_shop(self_license=SelfLicense()) as shop:
        response = shop.admin("POST", PATH, ok=False, json={"name": " "})
        assert (response.status_code, response.json()["error"]) == (402, "tier_cap")
        assert response.json()["upgrade_url"].endswith("?policy=pro")
        tier = shop.admin("GET", "/tier")
        assert tier["caps"]["merchant_profiles"] == 1
        assert tier["usage"]["merchant_profiles"] == 1


def test_profiles_are_listed_with_their_providers(shop: Shop) -> None:
    old = add(shop, "Old")
    shop.clock.turn(60)
    new = add(shop, "New")
    account = connect(
        shop,
        old["id"],
        kind=ProviderKind.BTCPAY,
        label="BTCPay",
        base_url="https://btcpay.example",
        api_key=Secret("a-secret"),
        webhook_secret=Secret("another-secret"),
        webhook_id="w1",
        store_id="s1",
        connected_at=later(60),
    )
    listed = shop.admin("GET", PATH)["profiles"]
    assert [(p["name"], p["is_default"]) for p in listed] == [
        ("Keysat", True),
        ("New", False),
        ("Old", False),
    ]
    pretend = [profile["providers"][0] for profile in listed]
    assert {one["kind"] for one in pretend} == {"sandbox"}
    assert len({one["id"] for one in pretend}) == 3
    assert listed[1] == new | {"providers": [pretend[1]], "logo_url": None}
    assert listed[2] == old | {
        "providers": [
            pretend[2],
            {
                "id": account.id,
                "kind": "btcpay",
                "label": "BTCPay",
                "base_url": "https://btcpay.example",
                "store_id": "s1",
                "webhook_id": "w1",
                "connected_at": "2027-01-15T08:01:00Z",
                "served_rails": ["lightning", "onchain"],
            },
        ],
        "logo_url": None,
    }
    assert shop.admin("GET", f"{PATH}?limit=1&offset=1")["profiles"] == [listed[1]]


def test_one_profile_is_shown_with_what_hangs_on_it(shop: Shop) -> None:
    default = default_profile(shop)
    shop.add_product("a")
    shop.add_product("b", merchant_profile_id=default["id"])
    shop.admin(
        "PUT",
        f"{PATH}/{default['id']}/rail-preferences/card",
        json={"payment_provider_id": shop.account_id},
    )
    assert shop.admin("GET", f"{PATH}/{default['id']}") == default | {
        "rail_preferences": [{"rail": "card", "payment_provider_id": shop.account_id}],
        "product_count": 1,
        "active_subscription_count": 0,
        "connect_failure": None,
    }
    assert refused(shop, "GET", f"{PATH}/nobody") == (404, "not_found")


@pytest.mark.betters("B-22")
def test_a_patch_changes_only_what_it_holds_and_null_clears(shop: Shop) -> None:
    profile = add(shop, **IDENTITY)
    path = f"{PATH}/{profile['id']}"
    shop.clock.turn(60)
    changed = shop.admin("PATCH", path, json={"name": None, "brand_color": None, **MAIL})
    assert changed == profile | MAIL | {
        "brand_color": None,
        "smtp_configured": True,
        "updated_at": "2027-01-15T08:01:00Z",
    }
    cleared = shop.admin("PATCH", path, json=dict.fromkeys(IDENTITY | MAIL))
    assert cleared == profile | dict.fromkeys(IDENTITY) | {"updated_at": "2027-01-15T08:01:00Z"}
    assert shop.admin("PATCH", path, json={}) == cleared
    assert shop.audited("merchant_profile.update") == 2


@pytest.mark.parametrize(
    "patch",
    [
        {"name": " "},
        {"smtp_port": 0},
        {"smtp_port": 70_000},
        {"smtp_port": "25"},
        {"smtp_host": "/"},
    ],
)
def test_a_patch_that_breaks_a_rule_changes_nothing(shop: Shop, patch: dict[str, Any]) -> None:
    profile = add(shop)
    path = f"{PATH}/{profile['id']}"
    assert refused(shop, "PATCH", path, json=patch) == (400, "bad_request")
    shown = shop.admin("GET", path)
    assert shown["updated_at"] == profile["updated_at"]


def test_the_password_for_mail_is_kept_and_told_nobody(shop: Shop) -> None:
    profile = add(shop)
    path = f"{PATH}/{profile['id']}"
    with structlog.testing.capture_logs() as lines:
        shop.admin("PATCH", path, json={"smtp_password": HORSE, "name": "Other"})
        too_long = shop.admin("PATCH", path, ok=False, json={"smtp_password": HORSE * 100})
        ill_typed = shop.admin(
            "PATCH", path, ok=False, json={"smtp_password": HORSE, "smtp_port": "x"}
        )
    assert (too_long.status_code, ill_typed.status_code) == (400, 400)
    with shop.ports.store.reading() as tx:
        stored = tx.merchants.find_profile(profile["id"])
        audits = tx.trail.list_audit(action=None, limit=500)
    assert stored is not None
    assert stored.smtp_password == Secret(HORSE)
    seen = [
        shop.client.get("/metrics").text,
        too_long.text,
        ill_typed.text,
        repr(shop.admin("GET", path)),
        repr(shop.admin("GET", PATH)),
        repr(lines),
        repr(audits),
        repr(shop.events()),
    ]
    assert not any(HORSE in text for text in seen)
    shop.admin("PATCH", path, json={"smtp_password": None})
    with shop.ports.store.reading() as tx:
        cleared = tx.merchants.find_profile(profile["id"])
    assert cleared is not None
    assert cleared.smtp_password is None


@pytest.mark.betters("B-22")
def test_an_unknown_profile_is_a_bad_request_to_change_or_delete(shop: Shop) -> None:
    assert refused(shop, "PATCH", f"{PATH}/nobody", json={}) == (400, "bad_request")
    assert refused(shop, "DELETE", f"{PATH}/nobody") == (400, "bad_request")
    assert refused(shop, "POST", f"{PATH}/nobody/set-default") == (404, "not_found")


def test_another_profile_becomes_the_default(shop: Shop) -> None:
    first, second = default_profile(shop), add(shop)
    path = f"{PATH}/{second['id']}"
    for _ in range(2):
        assert shop.admin("POST", f"{path}/set-default") == {"ok": True, "id": second["id"]}
    assert shop.audited("merchant_profile.set_default") == 1
    assert [(p["id"], p["is_default"]) for p in shop.admin("GET", PATH)["profiles"]] == [
        (second["id"], True),
        (first["id"], False),
    ]
    shop.add_product()
    account_id = shop.invoice(shop.buy()["invoice_id"]).provider_account_id
    (own,) = shop.admin("GET", path)["providers"]
    assert account_id == own["id"] != shop.account_id


@pytest.mark.betters("B-14")
def test_a_profile_is_deleted_when_nothing_hangs_on_it(shop: Shop) -> None:
    profile = add(shop)
    path = f"{PATH}/{profile['id']}"
    assert refused(shop, "DELETE", f"{PATH}/{default_profile(shop)['id']}")[0] == 400
    product = shop.add_product(merchant_profile_id=profile["id"])
    account = connect(shop, profile["id"], kind=ProviderKind.BTCPAY, label="Till")
    assert refused(shop, "DELETE", path) == (400, "bad_request")
    shop.admin("PATCH", f"/products/{product['id']}", json={"merchant_profile_id": None})
    response = shop.admin("DELETE", path, ok=False)
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")
    assert "'Till'" in response.json()["message"]
    disconnect(shop, account.id)
    assert shop.admin("DELETE", path) == {"ok": True, "id": profile["id"]}
    assert refused(shop, "GET", path) == (404, "not_found")
    assert shop.audited("merchant_profile.delete") == 1


@pytest.mark.betters("B-14")
def test_a_profile_that_has_sold_is_deleted_and_its_sales_stay(shop: Shop) -> None:
    profile = add(shop, post_purchase_redirect_url="https://notes.example/{invoice_id}")
    (own,) = shop.admin("GET", f"{PATH}/{profile['id']}")["providers"]
    product = shop.add_product(merchant_profile_id=profile["id"])
    purchase = shop.buy()
    invoice = shop.invoice(purchase["invoice_id"])
    assert invoice.provider_account_id == own["id"]
    assert invoice.redirect_url == f"https://notes.example/{invoice.id}"
    shop.admin("PATCH", f"/products/{product['id']}", json={"merchant_profile_id": None})
    shop.admin("DELETE", f"{PATH}/{profile['id']}")
    assert shop.invoice(invoice.id).provider_account_id == own["id"]
    assert shop.poll(invoice.id)["status"] == "pending"
    # Paid only now, it is asked about through the pretend money of the default profile.
    shop.act(purchase, PretendPayment.PAY)
    reconcile_invoices(shop.ports)
    assert shop.poll(invoice.id)["status"] == "settled"
    assert [p["id"] for p in default_profile(shop)["providers"]] == [shop.account_id]


def test_in_a_sandbox_a_new_profile_sells_for_pretend_money_and_elsewhere_not_at_all() -> None:
    for is_sandbox in (True, False):
        with running_shop(is_sandbox=is_sandbox) as shop:
            profile = add(shop)
            shop.add_product(merchant_profile_id=profile["id"])
            assert len(shop.admin("GET", f"{PATH}/{profile['id']}")["providers"]) == is_sandbox
            if is_sandbox:
                assert shop.sell("app")["license_key"]
            else:
                assert shop.post("/v1/purchase", product="app").status_code == 400


def test_a_preference_is_set_and_cleared_with_the_rail_in_its_own_spelling(shop: Shop) -> None:
    profile_id = default_profile(shop)["id"]
    path = f"{PATH}/{profile_id}/rail-preferences"
    for spelling in ("onchain", "on-chain", "on_chain"):
        assert shop.admin(
            "PUT", f"{path}/{spelling}", json={"payment_provider_id": shop.account_id}
        ) == {
            "ok": True,
            "merchant_profile_id": profile_id,
            "rail": "onchain",
            "payment_provider_id": shop.account_id,
        }
    for _ in range(2):
        assert shop.admin("DELETE", f"{path}/on-chain") == {
            "ok": True,
            "merchant_profile_id": profile_id,
            "rail": "onchain",
        }
    assert shop.audited("merchant_profile.rail_preference.set") == 1
    assert shop.audited("merchant_profile.rail_preference.clear") == 1
    assert shop.admin("DELETE", f"{PATH}/nobody/rail-preferences/card")["ok"] is True


def test_a_preference_that_makes_no_sense_is_a_bad_request(shop: Shop) -> None:
    profile_id, other = default_profile(shop)["id"], add(shop)["id"]
    theirs = connect(shop, other, kind=ProviderKind.BTCPAY)
    for owner, rail, provider in (
        (profile_id, "gold", shop.account_id),
        (profile_id, "card", "nobody"),
        (profile_id, "lightning", theirs.id),
        (other, "card", theirs.id),
    ):
        path = f"{PATH}/{owner}/rail-preferences/{rail}"
        body = {"payment_provider_id": provider}
        assert refused(shop, "PUT", path, json=body) == (400, "bad_request")
    path = f"{PATH}/{profile_id}/rail-preferences/gold"
    assert refused(shop, "DELETE", path) == (400, "bad_request")


def test_a_profile_that_is_not_there_prefers_nobody(shop: Shop) -> None:
    path = f"{PATH}/nobody/rail-preferences/card"
    for provider in (shop.account_id, "nobody"):
        body = {"payment_provider_id": provider}
        answer = shop.admin("PUT", path, ok=False, json=body)
        assert answer.status_code == 404
        assert answer.json()["message"] == "not found: no merchant profile 'nobody'"


def test_a_choice_nobody_made_is_logged_and_a_preference_makes_it(shop: Shop) -> None:
    assert shop.sandbox is not None
    loaded = dict.fromkeys(ProviderKind, shop.sandbox.provider_for)
    shop.providers.inner = ProviderRegistry(loaded, remedies={})
    profile_id = default_profile(shop)["id"]
    late = connect(shop, profile_id, kind=ProviderKind.ZAPRITE, connected_at=later(9))
    early = connect(shop, profile_id, kind=ProviderKind.BTCPAY, connected_at=later(1))
    shop.add_product()
    with structlog.testing.capture_logs() as lines:
        purchase = shop.buy(rail="lightning")
    (line,) = [line for line in lines if line["event"] == "several_providers_serve_the_rail"]
    assert (line["log_level"], line["chosen"]) == ("warning", f"{early.id[:8]}…")
    assert line["passed_over"] == [f"{late.id[:8]}…"]
    assert shop.invoice(purchase["invoice_id"]).provider_account_id == early.id
    shop.admin(
        "PUT",
        f"{PATH}/{profile_id}/rail-preferences/lightning",
        json={"payment_provider_id": shop.account_id},
    )
    with structlog.testing.capture_logs() as lines:
        purchase = shop.buy(rail="lightning")
    assert shop.invoice(purchase["invoice_id"]).provider_account_id == shop.account_id
    assert "several_providers_serve_the_rail" not in [line["event"] for line in lines]


def test_the_status_tells_who_is_paid_for_the_default_profile(shop: Shop) -> None:
    default = default_profile(shop)
    btcpay = connect(
        shop,
        default["id"],
        kind=ProviderKind.BTCPAY,
        label="BTCPay",
        base_url="https://btcpay.example",
        store_id="s1",
        connected_at=later(-60),
    )
    connect(shop, add(shop)["id"], kind=ProviderKind.ZAPRITE)
    status = shop.admin("GET", "/payment-provider/status")
    assert status == {
        "btcpay_configured": True,
        "zaprite_configured": False,
        "preferred": "btcpay",
        "active": "btcpay",
        "merchant_profile_id": default["id"],
        "merchant_profile_name": "Keysat",
        "providers": [
            {
                "id": btcpay.id,
                "kind": "btcpay",
                "label": "BTCPay",
                "base_url": "https://btcpay.example",
                "store_id": "s1",
            },
            {
                "id": shop.account_id,
                "kind": "sandbox",
                "label": "Sandbox (pretend money)",
                "base_url": "",
                "store_id": None,
            },
        ],
    }


def test_nobody_is_paid_before_a_provider_is_connected() -> None:
    with running_shop(is_sandbox=False) as shop:
        status = shop.admin("GET", "/payment-provider/status")
        assert (status["preferred"], status["active"], status["providers"]) == (None, None, [])
        assert refused(shop, "POST", "/payment-provider/activate")[0] == 404


def test_every_change_is_in_the_outbox_and_none_is_published(shop: Shop) -> None:
    profile = add(shop)
    path = f"{PATH}/{profile['id']}"
    shop.admin("PATCH", path, json={"name": "Other"})
    shop.admin("DELETE", path)
    events = shop.events()
    assert [(event.event_type, event.is_published) for event in events] == [
        ("merchant_profile.created", False),
        ("merchant_profile.updated", False),
        ("merchant_profile.deleted", False),
    ]
    assert msgspec.json.decode(events[1].body)["data"]["fields"] == ["name"]
