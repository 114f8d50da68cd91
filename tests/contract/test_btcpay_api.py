"""What Keysat relies on at BTCPay, asked of the double in every mode, and of a real one if given.

KEYSAT_LIVE_BTCPAY_URL and KEYSAT_LIVE_BTCPAY_KEY name a BTCPay Server on this machine (2.0 or newer,
regtest, with a wallet in the key's first store) and a key with the permissions Keysat asks for.
Nothing here pays: an invoice is moved by marking it, so a real server needs no coins.
"""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.modes import Mode
from tests.simulators.virtual_clock import VirtualClock

LIVE_URL = os.environ.get("KEYSAT_LIVE_BTCPAY_URL", "")
LIVE_KEY = os.environ.get("KEYSAT_LIVE_BTCPAY_KEY", "")
SERVERS = [mode for mode in Mode if mode is not Mode.V1_13] + ["live"] * bool(LIVE_URL and LIVE_KEY)
EVENTS = ["InvoiceSettled", "InvoiceExpired", "InvoiceInvalid", "InvoiceProcessing"]


@pytest.fixture(params=SERVERS, ids=str)
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    if request.param == "live":
        headers = {"Authorization": f"token {LIVE_KEY}"}
        with httpx.Client(base_url=LIVE_URL, headers=headers, timeout=15) as client:
            yield client
        return
    fake = FakeBTCPay(VirtualClock(), mode=request.param, post=lambda *_: 200)
    key = fake.add_key(fake.add_store().id)
    headers = {"Authorization": f"token {key}"}
    with httpx.Client(
        transport=fake.transport(), base_url="http://btcpay.test", headers=headers
    ) as client:
        yield client
    fake.check()


@pytest.fixture
def root(client: httpx.Client) -> str:
    stores = client.get("/api/v1/stores").json()
    return f"/api/v1/stores/{stores[0]['id']}"


@pytest.fixture
def webhook(client: httpx.Client, root: str) -> Iterator[dict[str, Any]]:
    body = {
        "url": "http://127.0.0.1:9/hook",
        "enabled": True,
        "automaticRedelivery": True,
        "secret": "A" * 52,
        "authorizedEvents": {"everything": False, "specificEvents": EVENTS},
    }
    created: dict[str, Any] = client.post(f"{root}/webhooks", json=body).json()
    yield created
    client.delete(f"{root}/webhooks/{created['id']}")


def test_a_webhook_that_sent_nothing_has_no_deliveries(
    client: httpx.Client, root: str, webhook: dict[str, Any]
) -> None:
    sent = client.get(f"{root}/webhooks/{webhook['id']}/deliveries", params={"count": 20})
    assert (sent.status_code, sent.json()) == (200, [])


def created(client: httpx.Client, root: str, order_id: str = "contract-1") -> dict[str, Any]:
    body = {
        "amount": "0.00098000",
        "currency": "BTC",
        "metadata": {"orderId": order_id, "productId": "p", "source": "keysat"},
        "checkout": {"redirectURL": "https://keysat.test/thanks", "redirectAutomatically": True},
    }
    answer = client.post(f"{root}/invoices", json=body)
    assert answer.status_code == 200, answer.text
    wire: dict[str, Any] = answer.json()
    return wire


def test_an_invoice_is_new_and_keeps_what_it_was_given(client: httpx.Client, root: str) -> None:
    wire = created(client, root)
    assert (wire["status"], wire["additionalStatus"]) == ("New", "None")
    assert float(wire["amount"]) == 0.00098
    assert wire["currency"] == "BTC"
    assert wire["metadata"]["orderId"] == "contract-1"
    assert wire["checkout"]["redirectURL"] == "https://keysat.test/thanks"
    assert httpx.URL(wire["checkoutLink"]).host == client.base_url.host
    assert wire["checkoutLink"].endswith(f"/i/{wire['id']}")
    assert wire["expirationTime"] > wire["createdTime"]


def test_an_invoice_can_be_read_and_found_by_its_order(client: httpx.Client, root: str) -> None:
    order_id = f"contract-{os.urandom(8).hex()}"
    wire = created(client, root, order_id)
    read = client.get(f"{root}/invoices/{wire['id']}").json()
    assert read["id"] == wire["id"]
    found = client.get(f"{root}/invoices", params={"orderId": order_id}).json()
    assert [invoice["id"] for invoice in found] == [wire["id"]]


@pytest.mark.parametrize("status", ["Settled", "Invalid"])
def test_marking_is_told_apart_from_paying(client: httpx.Client, root: str, status: str) -> None:
    invoice_id = created(client, root)["id"]
    marked = client.post(f"{root}/invoices/{invoice_id}/status", json={"status": status})
    assert marked.status_code == 200
    read = client.get(f"{root}/invoices/{invoice_id}").json()
    assert (read["status"], read["additionalStatus"]) == (status, "Marked")


def test_an_unknown_invoice_is_not_there(client: httpx.Client, root: str) -> None:
    answer = client.get(f"{root}/invoices/1111111111111111111111")
    assert (answer.status_code, answer.json()["code"]) == (404, "invoice-not-found")


def test_a_negative_amount_is_an_invalid_field(client: httpx.Client, root: str) -> None:
    answer = client.post(f"{root}/invoices", json={"amount": "-1", "currency": "BTC"})
    assert answer.status_code == 422
    assert answer.json()[0]["path"] == "Amount"


def test_a_webhook_is_kept_as_registered_but_for_its_secret(
    client: httpx.Client, root: str, webhook: dict[str, Any]
) -> None:
    assert webhook["secret"] == "A" * 52
    read = client.get(f"{root}/webhooks/{webhook['id']}").json()
    assert read["url"] == "http://127.0.0.1:9/hook"
    assert read["enabled"] is True
    assert read["automaticRedelivery"] is True
    assert read["authorizedEvents"]["everything"] is False
    assert sorted(read["authorizedEvents"]["specificEvents"]) == sorted(EVENTS)
    assert read.get("secret") is None


def test_a_webhook_that_is_gone_is_not_found(
    client: httpx.Client, root: str, webhook: dict[str, Any]
) -> None:
    path = f"{root}/webhooks/{webhook['id']}"
    assert client.delete(path).status_code == 200
    answer = client.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "webhook-not-found")


def test_a_relative_webhook_address_is_invalid(client: httpx.Client, root: str) -> None:
    answer = client.post(f"{root}/webhooks", json={"url": "no-address"})
    assert (answer.status_code, answer.json()[0]["path"]) == (422, "Url")


def test_the_wallet_shows_an_address(client: httpx.Client, root: str) -> None:
    methods = client.get(f"{root}/payment-methods").json()
    assert "BTC-CHAIN" in [method["paymentMethodId"] for method in methods]
    path = f"{root}/payment-methods/BTC-CHAIN/wallet/address"
    first, second = client.get(path).json(), client.get(path).json()
    assert first["address"].startswith("bcrt1")
    assert first["address"] == second["address"]


def test_a_wrong_key_is_nobody(client: httpx.Client, root: str) -> None:
    answer = client.get(root, headers={"Authorization": "token " + "0" * 40})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_store_out_of_scope_names_the_missing_permission(client: httpx.Client) -> None:
    answer = client.get("/api/v1/stores/9CiNzKoANXxmk5ayZngSXrHTiVvvgCrwrpFQd4m2K776")
    assert (answer.status_code, answer.json()["code"]) == (403, "missing-permission")
    assert answer.json()["missingPermission"] == "btcpay.store.canviewstoresettings"


def test_the_server_says_its_version_and_health(client: httpx.Client) -> None:
    info = client.get("/api/v1/server/info").json()
    assert info["version"].startswith("2.")
    assert info["fullySynched"] is True
    assert client.get("/api/v1/health").json()["synchronized"] is True
