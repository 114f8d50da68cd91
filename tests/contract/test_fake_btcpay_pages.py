"""The double's pages, its lightning node, and the double on a port by the wall clock."""

import re
import subprocess
import sys
from html import unescape
from threading import Event
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest

from tests.simulators.btcpay.consent import ConsentRefused
from tests.simulators.btcpay.controls import KEYSAT_PERMISSIONS
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.stores import LightningNode, Route
from tests.simulators.server import serving
from tests.simulators.wall_clock import WallClock
from tests.support.btcpay_bench import BASE_URL, SECRET, Bench
from tests.support.tree import ROOT

CALLBACK = "https://keysat.test/v1/btcpay/authorize/callback?state=ABC"
BOLT11 = "lnbcrt50u1pexample"
PAYMENT_HASH = "ab" * 32


@pytest.fixture
def bench() -> Bench:
    return Bench()


def authorize_url(redirect: str = CALLBACK, base_url: str = BASE_URL) -> str:
    query = [
        ("applicationName", "Keysat"),
        ("applicationIdentifier", "keysat"),
        ("strict", "true"),
        ("selectiveStores", "true"),
        ("redirect", redirect),
        *(("permissions", permission) for permission in KEYSAT_PERMISSIONS),
    ]
    return f"{base_url}/api-keys/authorize?{urlencode(query)}"


def form_in(html: str) -> tuple[str, list[tuple[str, str]]]:
    """Read a page's form: where it goes, and its hidden fields."""
    (action,) = re.findall(r'action="([^"]*)"', html)
    fields = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', html)
    return unescape(action), [(unescape(name), unescape(value)) for name, value in fields]


def test_approving_yields_the_form_that_btcpay_posts(bench: Bench) -> None:
    form = bench.fake.approve(authorize_url(), [bench.store.id])
    assert form.target == CALLBACK
    names = [name for name, _ in parse_qsl(form.body.decode())]
    assert names == ["apiKey", "userId", *["permissions[]"] * 5, "__RequestVerificationToken"]
    assert re.fullmatch(r"[0-9a-f]{40}", form.value("apiKey"))
    stores = bench.client_with(form.value("apiKey")).get("/api/v1/stores").json()
    assert [store["id"] for store in stores] == [bench.store.id]


def test_approving_several_stores_or_all(bench: Bench) -> None:
    second = bench.fake.add_store()
    url = authorize_url()
    several = bench.fake.approve(url, [bench.store.id, second.id])
    assert len([name for name, _ in several.fields if name == "permissions[]"]) == 10
    everything = bench.fake.approve(authorize_url(CALLBACK + "2"))
    assert everything.value("permissions[]") == KEYSAT_PERMISSIONS[-1]


def test_an_equal_question_gets_the_same_key(bench: Bench) -> None:
    first, again, other = (
        bench.fake.approve(authorize_url(redirect), [bench.store.id]).value("apiKey")
        for redirect in (CALLBACK, CALLBACK, CALLBACK + "2")
    )
    assert first == again
    assert first != other


def test_denying_tells_nobody(bench: Bench) -> None:
    keys = dict(bench.fake.world.keys)
    bench.fake.deny(authorize_url())
    assert bench.fake.world.keys == keys


def test_on_mainnet_a_key_is_not_sent_in_the_clear(bench: Bench) -> None:
    plain = authorize_url("http://keysat.test/callback")
    assert bench.fake.approve(plain).target == "http://keysat.test/callback"
    bench.store.network = "mainnet"
    with pytest.raises(ConsentRefused):
        bench.fake.approve(plain)
    page = bench.client.get(plain)
    assert (page.status_code, page.headers["location"]) == (303, "/account/apikeys")
    assert bench.fake.approve(authorize_url("http://localhost:8080/x")).target


def test_a_person_can_approve_on_the_page(bench: Bench) -> None:
    other = bench.fake.add_store("Other & <b>")
    page = bench.client.get(authorize_url())
    assert "Other &amp; &lt;b&gt;" in page.text
    action, _ = form_in(page.text)
    chosen = {"command": "Authorize", "store": other.id}
    redirecting = bench.client.post(BASE_URL + action, data=chosen)
    target, fields = form_in(redirecting.text)
    assert target == CALLBACK
    key = dict(fields)["apiKey"]
    stores = bench.client_with(key).get("/api/v1/stores").json()
    assert [store["id"] for store in stores] == [other.id]


def test_a_person_can_cancel_on_the_page(bench: Bench) -> None:
    action, _ = form_in(bench.client.get(authorize_url()).text)
    answer = bench.client.post(BASE_URL + action, data={"command": "Cancel"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/apikeys")


def test_a_buyer_pays_at_the_checkout_and_is_sent_back(bench: Bench) -> None:
    checkout = {
        "redirectURL": "https://keysat.test/thank-you?invoice_id={OrderId}&at={InvoiceId}",
        "redirectAutomatically": True,
    }
    invoice = bench.create(metadata={"orderId": "o 1"}, checkout=checkout)
    page = bench.client.get(f"/i/{invoice}")
    assert "0.00098000 BTC" in page.text
    action, _ = form_in(page.text)
    paid = bench.client.post(action, data={"rail": "lightning"})
    assert paid.status_code == 303
    back = urlsplit(paid.headers["location"])
    assert parse_qs(back.query) == {"invoice_id": ["o 1"], "at": [invoice]}
    assert bench.state(invoice) == "Settled/None"
    assert "<form" not in bench.client.get(f"/i/{invoice}").text


def test_without_an_automatic_return_the_buyer_stays(bench: Bench) -> None:
    invoice = bench.create()
    paid = bench.client.post(f"/i/{invoice}/pay", data={"rail": "onchain"})
    assert paid.headers["location"] == f"/i/{invoice}"
    assert bench.state(invoice) == "Processing/None"


def test_there_is_no_checkout_of_an_unknown_invoice(bench: Bench) -> None:
    assert bench.client.get("/i/unknown").status_code == 404


def pay(bench: Bench, bolt11: str = BOLT11) -> httpx.Response:
    return bench.client.post(f"{bench.root}/lightning/BTC/invoices/pay", json={"BOLT11": bolt11})


@pytest.mark.parametrize(
    ("route", "status", "told", "sent"),
    [
        (Route.COMPLETE, 200, "Complete", 1),
        (Route.PENDING, 202, "Pending", 1),
        (Route.UNKNOWN, 202, "Unknown", 1),
        (Route.NO_ROUTE, 400, "could-not-find-route", 0),
        (Route.FAILED, 400, "generic-error", 0),
    ],
)
def test_a_payment_goes_as_its_route_says(
    bench: Bench, route: Route, status: int, told: str, sent: int
) -> None:
    bench.fake.add_payable(bench.store.id, BOLT11, PAYMENT_HASH, 5_000, route)
    answer = pay(bench)
    assert answer.status_code == status
    assert told in {answer.json().get("status"), answer.json().get("code")}
    assert bench.fake.times_sent(bench.store.id, PAYMENT_HASH) == sent


def test_a_payment_under_way_can_be_read_again(bench: Bench) -> None:
    bench.fake.add_payable(bench.store.id, BOLT11, PAYMENT_HASH, 5_000, "pending")
    path = f"{bench.root}/lightning/BTC/payments/{PAYMENT_HASH}"
    unknown = bench.client.get(path)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "payment-not-found")
    pay(bench)
    assert bench.client.get(path).json()["status"] == "Pending"
    bench.fake.resolve_payment(bench.store.id, PAYMENT_HASH, "Complete")
    settled = bench.client.get(path).json()
    assert (settled["status"], settled["totalAmount"]) == ("Complete", "5001000")


def test_paying_twice_is_seen(bench: Bench) -> None:
    bench.fake.add_payable(bench.store.id, BOLT11, PAYMENT_HASH, 5_000)
    pay(bench)
    pay(bench)
    assert bench.fake.times_sent(bench.store.id, PAYMENT_HASH) == 2


def test_a_node_says_why_it_cannot_pay(bench: Bench) -> None:
    invalid = pay(bench, "lnurl1x")
    assert (invalid.status_code, invalid.json()[0]["path"]) == (422, "BOLT11")
    assert pay(bench).json()["code"] == "could-not-find-route"
    bench.store.lightning = LightningNode(is_available=False)
    down = pay(bench)
    assert (down.status_code, down.json()["code"]) == (503, "lightning-node-unavailable")
    bench.store.lightning = LightningNode(is_internal=True)
    internal = pay(bench)
    assert internal.status_code == 403
    assert internal.json()["missingPermission"] == "btcpay.server.canuseinternallightningnode"
    bench.store.lightning = None
    missing = pay(bench)
    assert (missing.status_code, missing.json()["code"]) == (404, "lightning-not-configured")


def test_on_the_wall_clock_webhooks_come_by_themselves() -> None:
    arrived, bodies = Event(), []

    def hear(url: str, headers: object, body: bytes) -> int:
        bodies.append(body)
        arrived.set()
        return 200

    clock = WallClock()
    fake = FakeBTCPay(clock, post=hear)
    store = fake.add_store()
    headers = {"Authorization": f"token {fake.add_key(store.id)}"}
    try:
        with serving(fake) as base_url, httpx.Client(base_url=base_url, headers=headers) as client:
            root = f"/api/v1/stores/{store.id}"
            events = {"everything": False, "specificEvents": ["InvoiceSettled"]}
            hook = {"url": "https://x.test", "secret": SECRET, "authorizedEvents": events}
            client.post(f"{root}/webhooks", json=hook).raise_for_status()
            body = {"amount": "0.001", "currency": "BTC"}
            invoice = client.post(f"{root}/invoices", json=body).json()
            assert invoice["checkoutLink"].startswith(base_url)
            client.post(f"{invoice['checkoutLink']}/pay", data={"rail": "lightning"})
            assert arrived.wait(5)
    finally:
        clock.close()
    assert len(bodies) == 1
    fake.check()


def test_it_runs_by_itself_and_says_how_to_reach_it() -> None:
    command = [sys.executable, "-m", "tests.simulators.btcpay", "--port", "0", "--mode", "2.0"]
    with subprocess.Popen(  # noqa: S603 - our own double
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            facts = dict(running.stdout.readline().strip().split("=", 1) for _ in range(3))
            headers = {"Authorization": f"token {facts['api_key']}"}
            with httpx.Client(base_url=facts["base_url"], headers=headers) as client:
                assert client.get(f"/api/v1/stores/{facts['store_id']}").status_code == 200
                assert client.get("/api/v1/server/info").json()["version"] == "2.0.6"
        finally:
            running.terminate()
