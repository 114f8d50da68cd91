"""Who may do what at the double, and how it says no; where the versions differ."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.simulators.btcpay import accounts
from tests.simulators.btcpay.contract import contract_of
from tests.simulators.btcpay.fake import routes_of
from tests.simulators.btcpay.modes import TRAITS, Mode
from tests.support.btcpay_bench import BASE_URL, Bench

MODES = [pytest.param(mode, id=str(mode)) for mode in Mode]
INVOICE: Mapping[str, Any] = {"amount": "0.00098000", "currency": "BTC"}


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    "header",
    ["", "token", "token wrong", "Basic dXNlcjpwYXNz", "{key}", "tokens {key}"],
)
def test_who_is_nobody_is_told_so(bench: Bench, header: str) -> None:
    key = next(iter(bench.fake.world.keys))
    bench.client.headers["Authorization"] = header.format(key=key)
    answer = bench.client.get("/api/v1/stores")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("scheme", ["token", "Token", "TOKEN", "bearer", "Bearer"])
def test_the_scheme_is_read_in_any_case(bench: Bench, scheme: str) -> None:
    key = next(iter(bench.fake.world.keys))
    bench.client.headers["Authorization"] = f"{scheme} {key}"
    assert bench.client.get("/api/v1/stores").status_code == 200


@pytest.mark.parametrize(
    ("granted", "method", "path", "status"),
    [
        (accounts.VIEW_SETTINGS, "GET", "", 200),
        (accounts.VIEW_SETTINGS, "GET", "/invoices", 403),
        (accounts.VIEW_SETTINGS, "GET", "/webhooks", 403),
        (accounts.MODIFY_INVOICES, "GET", "/invoices", 200),
        (accounts.MODIFY_INVOICES, "POST", "/invoices", 200),
        (accounts.MODIFY_INVOICES, "GET", "", 403),
        (accounts.VIEW_INVOICES, "POST", "/invoices", 403),
        (accounts.CREATE_INVOICE, "GET", "/invoices", 403),
        (accounts.MODIFY_SETTINGS, "GET", "", 200),
        (accounts.MODIFY_SETTINGS, "POST", "/invoices", 200),
        (accounts.MODIFY_SETTINGS, "GET", "/webhooks", 200),
        (accounts.MODIFY_SETTINGS, "GET", "/payment-methods/BTC-CHAIN/wallet/address", 200),
        (accounts.VIEW_WALLET, "GET", "/payment-methods/BTC-CHAIN/wallet/address", 200),
        (accounts.UNRESTRICTED, "GET", "/webhooks", 200),
    ],
)
def test_permissions_imply_others(
    bench: Bench, granted: str, method: str, path: str, status: int
) -> None:
    client = bench.client_with(bench.fake.add_key(permissions=[granted]))
    body = INVOICE if method == "POST" else None
    assert client.request(method, bench.root + path, json=body).status_code == status


def test_a_missing_permission_is_named(bench: Bench) -> None:
    client = bench.key_for(accounts.VIEW_SETTINGS)
    answer = client.post(f"{bench.root}/invoices", json=INVOICE)
    assert answer.status_code == 403
    assert answer.json()["code"] == "missing-permission"
    assert answer.json()["missingPermission"] == accounts.CREATE_INVOICE


@pytest.mark.parametrize("mode", [Mode.V2_0, Mode.V2_3_4, Mode.V2_4])
def test_each_operation_takes_the_permission_it_is_documented_to_take(mode: Mode) -> None:
    traits = TRAITS[mode]
    differing = {
        route.operation
        for route in routes_of(traits)
        if route.permission
        and (documented := contract_of(traits.contract).permissions(route.method, route.path))
        and documented != [route.permission]
    }
    # contract.py says why paying differs; the wallet's own permission came with 2.4.
    older = {"get_receive_address"} if mode is Mode.V2_3_4 else set()
    assert differing == {"pay_lightning_invoice"} | older


@pytest.mark.parametrize(("mode", "is_enough"), [(Mode.V2_3_4, False), (Mode.V2_4, True)])
def test_seeing_the_wallet_is_enough_for_an_address_from_2_4_on(
    mode: Mode, *, is_enough: bool
) -> None:
    bench = Bench(mode)
    client = bench.key_for(accounts.VIEW_WALLET)
    answer = client.get(f"{bench.root}/payment-methods/BTC-CHAIN/wallet/address")
    assert answer.status_code == (200 if is_enough else 403)


def test_a_key_sees_only_the_stores_it_was_given(bench: Bench) -> None:
    second, third = bench.fake.add_store("Second"), bench.fake.add_store("Third")
    stranger = bench.fake.add_store(user=bench.fake.add_user())

    def seen(*store_ids: str) -> list[str]:
        client = bench.client_with(bench.fake.add_key(*store_ids))
        return [store["id"] for store in client.get("/api/v1/stores").json()]

    assert seen(bench.store.id) == [bench.store.id]
    assert seen(second.id, third.id) == [second.id, third.id]
    assert seen() == [bench.store.id, second.id, third.id]
    assert bench.client.get(f"/api/v1/stores/{second.id}").status_code == 403
    unscoped = bench.client_with(bench.fake.add_key())
    assert unscoped.get(f"/api/v1/stores/{stranger.id}").status_code == 403


def test_a_user_without_stores_sees_none(bench: Bench) -> None:
    user = bench.fake.add_user()
    client = bench.client_with(bench.fake.add_key(user=user))
    assert client.get("/api/v1/stores").json() == []


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        (Mode.V1_13, 404, "invoice-not-found"),
        (Mode.V2_0, 404, "invoice-not-found"),
        (Mode.V2_3_4, 404, "invoice-not-found"),
        (Mode.V2_4, 403, "missing-permission"),
    ],
)
def test_an_invoice_of_another_store_is_kept_from_us(mode: Mode, status: int, code: str) -> None:
    bench = Bench(mode)
    other = bench.fake.add_store()
    client = bench.client_with(bench.fake.add_key(other.id))
    invoice = client.post(f"/api/v1/stores/{other.id}/invoices", json=INVOICE).json()["id"]
    answer = bench.client.get(f"{bench.root}/invoices/{invoice}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    unknown = bench.client.get(f"{bench.root}/invoices/unknown")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "invoice-not-found")


def test_a_key_revokes_itself_once(bench: Bench) -> None:
    current = bench.client.get("/api/v1/api-keys/current").json()
    assert len(current["apiKey"]) == 40
    assert bench.client.delete("/api/v1/api-keys/current").json() == current
    assert bench.client.delete("/api/v1/api-keys/current").status_code == 401


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"amount": "-1"}, "Amount"),
        ({"amount": "much"}, "amount"),
        ({"checkout": {"expirationMinutes": 0.4}}, "checkout.expirationMinutes"),
        ({"checkout": {"paymentTolerance": 101}}, "checkout.paymentTolerance"),
        ({"checkout": {"paymentMethods": ["DOGE"]}}, "checkout.paymentMethods[0]"),
        ({"checkout": {"speedPolicy": "Warp"}}, "checkout.speedPolicy"),
        ({"metadata": "text"}, "metadata"),
        ({"checkout": {"redirectAutomatically": "yes"}}, "redirectAutomatically"),
    ],
)
def test_invalid_fields_are_an_array(change: dict[str, Any], path: str) -> None:
    bench = Bench(is_contract_checked=False)
    answer = bench.client.post(f"{bench.root}/invoices", json={**INVOICE, **change})
    assert answer.status_code == 422
    assert answer.json()[0]["path"] == path


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"amount=1", 415),
        ({"Content-Type": "application/json"}, b"{", 422),
        ({"Content-Type": "application/json; charset=utf-8"}, b"[]", 422),
    ],
)
def test_what_is_no_json_object_is_refused(
    headers: dict[str, str], content: bytes, status: int
) -> None:
    bench = Bench(is_contract_checked=False)
    answer = bench.client.post(f"{bench.root}/invoices", headers=headers, content=content)
    assert answer.status_code == status


def test_unknown_fields_and_numbers_are_accepted_as_btcpay_accepts_them() -> None:
    bench = Bench(is_contract_checked=False)
    body = {"amount": 0.00098, "currency": "btc", "color": "green"}
    answer = bench.client.post(f"{bench.root}/invoices", json=body)
    assert (answer.json()["amount"], answer.json()["currency"]) == ("0.00098", "BTC")


@pytest.mark.parametrize("reason", ["no wallet", "node down", "no rate", "bad address"])
def test_an_invoice_nobody_could_pay_is_refused(bench: Bench, reason: str) -> None:
    body = dict(INVOICE)
    bench.store.lightning = None
    match reason:
        case "no wallet":
            bench.store.has_wallet = False
        case "node down":
            bench.store.is_node_synced = False
        case "no rate":
            body["currency"] = "XYZ"
        case _:
            body["metadata"] = {"buyerEmail": "nobody"}
    answer = bench.client.post(f"{bench.root}/invoices", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "generic-error")


@pytest.mark.parametrize("mode", MODES)
def test_the_payment_methods_have_the_names_of_the_version(mode: Mode) -> None:
    bench = Bench(mode)
    answer = bench.client.get(f"{bench.root}/payment-methods").json()
    if mode is Mode.V1_13:
        assert list(answer) == ["BTC", "BTC-LightningNetwork"]
    else:
        assert [entry["paymentMethodId"] for entry in answer] == ["BTC-CHAIN", "BTC-LN"]
    info = bench.client.get("/api/v1/server/info").json()
    assert (info["version"], info["fullySynched"]) == (TRAITS[mode].version, True)


def test_a_store_without_a_wallet_has_no_methods(bench: Bench) -> None:
    bench.store.has_wallet, bench.store.lightning = False, None
    assert bench.client.get(f"{bench.root}/payment-methods").json() == []
    address = bench.client.get(f"{bench.root}/payment-methods/BTC-CHAIN/wallet/address")
    assert (address.status_code, address.json()["code"]) == (503, "not-available")


@pytest.mark.parametrize(
    ("network", "prefix"), [("regtest", "bcrt1"), ("testnet", "tb1"), ("mainnet", "bc1")]
)
def test_the_receive_address_is_of_the_network_and_stays_until_used(
    network: str, prefix: str
) -> None:
    bench = Bench()
    bench.store.network = network
    path = f"{bench.root}/payment-methods/BTC/wallet/address"
    shown = [bench.client.get(path).json()["address"] for _ in range(2)]
    assert shown[0].startswith(prefix)
    assert shown[0] == shown[1]
    bench.fake.use_receive_address(bench.store.id)
    assert bench.client.get(path).json()["address"] != shown[0]


def test_an_unknown_method_has_no_address(bench: Bench) -> None:
    for method in ("BTC-LN", "DOGE-CHAIN"):
        answer = bench.client.get(f"{bench.root}/payment-methods/{method}/wallet/address")
        assert (answer.status_code, answer.json()["code"]) == (404, "paymentmethod-not-found")


def test_a_node_that_is_not_synced_says_so(bench: Bench) -> None:
    bench.store.is_node_synced = False
    assert bench.client.get("/api/v1/health").json() == {"synchronized": False}
    assert bench.client.get("/api/v1/server/info").json()["fullySynched"] is False
    address = bench.client.get(f"{bench.root}/payment-methods/BTC-CHAIN/wallet/address")
    assert address.status_code == 503


@pytest.mark.parametrize("mode", MODES)
def test_storeless_paths_exist_from_2_4_on(mode: Mode) -> None:
    bench = Bench(mode, is_contract_checked=False)
    invoice, webhook = bench.create(), bench.register()
    status = 200 if mode is Mode.V2_4 else 404
    assert bench.client.get(f"/api/v1/invoices/{invoice}").status_code == status
    assert bench.client.get(f"/api/v1/webhooks/{webhook}").status_code == status


def test_a_storeless_path_still_asks_for_the_store(bench: Bench) -> None:
    invoice = bench.create()
    other = bench.client_with(bench.fake.add_key(bench.fake.add_store().id))
    assert other.get(f"/api/v1/invoices/{invoice}").status_code == 403
    assert bench.client.get("/api/v1/invoices/unknown").status_code == 404


def test_a_webhook_shows_its_secret_once(bench: Bench) -> None:
    body = {"url": "https://keysat.test/hook", "secret": ""}
    created = bench.client.post(f"{bench.root}/webhooks", json=body).json()
    assert created["secret"]
    assert created["authorizedEvents"]["everything"] is True
    path = f"{bench.root}/webhooks/{created['id']}"
    assert bench.client.get(path).json()["secret"] is None
    changed = bench.client.put(path, json={"url": "https://keysat.test/other"}).json()
    assert changed["url"] == "https://keysat.test/other"
    assert bench.fake.webhook(created["id"]).secret == created["secret"]
    assert bench.client.delete(path).status_code == 200
    gone = bench.client.get(path)
    assert (gone.status_code, gone.json()["code"]) == (404, "webhook-not-found")


def test_a_webhook_needs_an_absolute_url(bench: Bench) -> None:
    answer = bench.client.post(f"{bench.root}/webhooks", json={"url": "keysat.test/hook"})
    assert answer.status_code == 422
    assert answer.json() == [{"path": "Url", "message": "Invalid Url"}]


def test_the_checkout_link_has_the_host_of_the_request(bench: Bench) -> None:
    invoice = bench.create()
    assert bench.read(invoice)["checkoutLink"] == f"{BASE_URL}/i/{invoice}"
    inside = bench.client.get(f"http://btcpay.internal:23000{bench.root}/invoices/{invoice}")
    assert inside.json()["checkoutLink"] == f"http://btcpay.internal:23000/i/{invoice}"


def test_two_doubles_of_one_seed_make_the_same_ids() -> None:
    first, second = Bench(), Bench()
    assert first.store.id == second.store.id
    assert len(first.store.id) == 44
    assert first.create() == second.create()


def test_an_invoice_says_how_it_can_be_paid(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice, 8_000, "onchain")
    chain, lightning = bench.client.get(f"{bench.root}/invoices/{invoice}/payment-methods").json()
    assert (chain["paymentMethodId"], lightning["paymentMethodId"]) == ("BTC-CHAIN", "BTC-LN")
    assert (chain["due"], chain["totalPaid"]) == ("0.00090000", "0.00008000")
    assert [payment["value"] for payment in chain["payments"]] == ["0.00008000"]
    assert chain["destination"].startswith("bcrt1")
    bench.fake.replace(invoice)
    path = f"{bench.root}/invoices/{invoice}/payment-methods"
    assert bench.client.get(path).json()[0]["payments"] == []
    everything = bench.client.get(path, params={"onlyAccountedPayments": "false"}).json()
    assert [payment["status"] for payment in everything[0]["payments"]] == ["Invalid"]
