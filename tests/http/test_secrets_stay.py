"""A whole life of two providers, and no secret where it should not be: in no answer, log, row or event.

A provider may repeat the key it was called with; that must not come further either.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import structlog

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.zaprite.gate import Zaprite
from keysat_http.capturing import capture_payments
from keysat_http.provider_ticks import check_webhooks, probe_providers
from keysat_http.receipt_rounds import settle_noted_receipts
from keysat_http.reconciling import reconcile_invoices
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.fault_plan import Answer, CallAction, Cut, Html, Timeout
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.btcpay_shop import BASE, BROWSER, PUBLIC
from tests.support.http import ADMIN_KEY, PUBLIC_URL
from tests.support.paid_shop import VirtualTime
from tests.support.shop import Shop, Wire, running_shop

MAIL_PASSWORD: Final = "correct horse battery staple"  # noqa: S105  made up
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(kw_only=True)
class Life:
    """A shop, its two doubles, and all that was said and kept."""

    shop: Shop
    btcpay: FakeBTCPay
    store_id: str
    zaprite: FakeZaprite
    clock: VirtualTime
    answers: list[tuple[str, str]] = field(default_factory=list)
    logs: io.StringIO = field(default_factory=io.StringIO)
    lines: list[Any] = field(default_factory=list)
    never_shown: set[str] = field(default_factory=set)
    shown_once: dict[str, str] = field(default_factory=dict)
    license_keys: set[str] = field(default_factory=set)

    def begin(self) -> str:
        link = self.shop.admin("POST", "/btcpay/connect", json={})
        self.shown_once[link["state"]] = "/v1/admin/btcpay/connect"
        url: str = link["authorize_url"]
        return url

    def consent(
        self, authorize_url: str, trouble: CallAction | int | None = None
    ) -> httpx.Response:
        form = self.btcpay.approve(authorize_url, [self.store_id])
        target = urlsplit(form.target)
        key = dict(parse_qsl(form.body.decode()))["apiKey"]
        self.never_shown.add(key)
        if trouble is not None:
            self.btcpay.faults.on_call("list_stores", echoing(key, trouble), count=None)
        return self.shop.client.post(
            f"{target.path}?{target.query}", content=form.body, headers=FORM
        )

    def learn(self) -> None:
        """Remember every secret that is stored by now."""
        with self.shop.ports.store.reading() as tx:
            for account in tx.merchants.list_all_accounts(is_disconnected_included=True):
                for secret in (account.api_key, account.webhook_secret):
                    if secret is not None:
                        self.never_shown.add(secret.reveal())

    def sell(self, rail: str) -> None:
        purchase = self.shop.buy(rail=rail, buyer_email="ada@example.com")
        double: Any = self.zaprite if rail == "card" else self.btcpay
        double.pay(purchase["btcpay_invoice_id"])
        double.deliver_due()
        self.tick(70)
        key = self.shop.poll(purchase["invoice_id"])["license_key"]
        assert key.startswith("LIC1-")
        self.license_keys.add(key)
        self.shop.validate(key)

    def tick(self, seconds: int) -> None:
        self.clock.turn(seconds)
        settle_noted_receipts(self.shop.ports)
        reconcile_invoices(self.shop.ports)
        capture_payments(self.shop.ports)
        probe_providers(self.shop.ports)
        check_webhooks(self.shop.ports, PUBLIC_URL)

    def read_everything(self) -> None:
        for path in (
            "/merchant-profiles",
            "/payment-provider/status",
            "/btcpay/status",
            "/btcpay/payment-methods",
            "/zaprite/status",
            "/invoices",
            "/licenses",
            "/policies/default/tips",
            "/tips",
            "/rates",
        ):
            self.shop.admin("GET", path, ok=False)
        for path in ("/readyz", "/metrics", "/v1/openapi.json"):
            self.shop.client.get(path, headers={"authorization": f"Bearer {ADMIN_KEY}"})

    def leaks(self) -> list[str]:
        """Say where a secret is that should not be there."""
        with self.shop.ports.store.reading() as tx:
            audits = tx.trail.list_audit(action=None, limit=500)
            health = tx.connections.list_health()
        kept = {
            "logs": self.logs.getvalue(),
            "lines": repr(self.lines),
            "audit": repr(audits),
            "events": repr(self.shop.events()),
            "health": repr(health),
        }
        secrets = {*self.never_shown, *self.shown_once, *self.license_keys, ADMIN_KEY}
        found = [where for where, text in kept.items() for one in secrets if one in text]
        for path, text in self.answers:
            found += [path for one in {*self.never_shown, ADMIN_KEY} if one in text]
            found += [path for one, at in self.shown_once.items() if one in text and path != at]
            if not path.startswith("/v1/purchase"):
                found += [path for one in self.license_keys if one in text]
        return found


@contextmanager
def recorded(life: Life) -> Iterator[None]:
    """Keep every answer and every line of a log, before anything is hidden from it."""

    def note(answer: httpx.Response) -> None:
        answer.read()
        life.answers.append((answer.request.url.path, repr(answer.headers) + answer.text))

    handler = logging.StreamHandler(life.logs)
    handler.setFormatter(logging.Formatter())
    root = logging.getLogger()
    root.addHandler(handler)
    hooks = life.shop.client.event_hooks
    life.shop.client.event_hooks = {"response": [note]}
    try:
        with structlog.testing.capture_logs() as lines:
            life.lines = lines
            yield
    finally:
        root.removeHandler(handler)
        life.shop.client.event_hooks = hooks


@pytest.fixture
def life() -> Iterator[Life]:
    clock, wire = VirtualTime(), Wire()
    btcpay = FakeBTCPay(clock.virtual, post=wire.post)
    zaprite = FakeZaprite(clock.virtual, post=wire.post)
    with (
        HTTPSender(transport=btcpay.transport()) as to_btcpay,
        HTTPSender(transport=zaprite.transport()) as to_zaprite,
        running_shop(
            is_sandbox=False,
            clock=clock,
            wire=wire,
            btcpay=BTCPayGateway(to_btcpay, base_url=BASE, browser_url=BROWSER, public_base=PUBLIC),
            zaprite=Zaprite(to_zaprite, clock=clock),
        ) as shop,
    ):
        lived = Life(
            shop=shop,
            btcpay=btcpay,
            store_id=btcpay.add_store().id,
            zaprite=zaprite,
            clock=clock,
        )
        lived.never_shown |= {zaprite.live.api_key, MAIL_PASSWORD}
        with recorded(lived):
            yield lived


def connect(life: Life) -> None:
    shop = life.shop
    assert life.consent(life.begin()).status_code == 200
    life.clock.turn(1)
    shop.admin(
        "POST",
        "/zaprite/connect",
        json={"api_key": life.zaprite.live.api_key, "base_url": "https://api.zaprite.example"},
    )
    life.learn()
    (profile,) = shop.admin("GET", "/merchant-profiles")["profiles"]
    patch = {"smtp_host": "mail.example", "smtp_password": MAIL_PASSWORD}
    shop.admin("PATCH", f"/merchant-profiles/{profile['id']}", json=patch)
    shop.add_product()


def disconnect(life: Life) -> None:
    for kind in ("btcpay", "zaprite"):
        for _ in range(2):
            life.shop.admin("POST", f"/{kind}/disconnect", json={})


def test_a_life_without_trouble_tells_nobody(life: Life) -> None:
    connect(life)
    life.sell("lightning")
    life.sell("card")
    life.read_everything()
    disconnect(life)
    life.read_everything()
    assert len(life.never_shown) >= 4
    assert len(life.answers) > 20
    assert life.leaks() == []


@pytest.mark.parametrize("trouble", [Timeout(), Cut(), Html(503), 400, 401, 403, 404, 500, 503])
def test_providers_in_trouble_make_nobody_tell(life: Life, trouble: CallAction | int) -> None:
    connect(life)
    life.sell("lightning")
    life.sell("card")
    (key,) = life.btcpay.world.keys
    life.btcpay.faults.on_call("*", echoing(key, trouble), count=None)
    life.zaprite.faults.on_call("*", echoing(life.zaprite.live.api_key, trouble), count=None)
    for rail in ("lightning", "card"):
        refused = life.shop.post("/v1/purchase", product="app", rail=rail)
        assert refused.status_code == 502
        life.tick(120)
    life.read_everything()
    life.shop.admin("POST", "/btcpay/disconnect", json={})
    link = life.begin()
    life.btcpay.faults.clear()
    assert life.consent(link, trouble).status_code == 502
    life.shop.admin("POST", "/zaprite/disconnect", json={})
    body = {"api_key": life.zaprite.live.api_key, "base_url": "https://api.zaprite.example"}
    assert life.shop.admin("POST", "/zaprite/connect", ok=False, json=body).status_code == 502
    life.btcpay.faults.clear()
    life.zaprite.faults.clear()
    assert life.leaks() == []


def echoing(key: str, trouble: CallAction | int) -> CallAction:
    """A server that repeats the key it was called with."""
    if not isinstance(trouble, int):
        return trouble
    said = f"no such key: {key}"
    return Answer(trouble, {"code": "x", "message": said, "issues": [{"message": said}]})


@pytest.mark.parametrize("key", ["hush-hush\x00", "hush-hüsh", "hush-hush\r\nX: 1"])
def test_a_key_that_cannot_be_sent_is_told_nobody_either(life: Life, key: str) -> None:
    life.never_shown |= {"hush-hush", "hush-hüsh"}
    state = dict(parse_qsl(urlsplit(life.begin()).query))["redirect"].partition("=")[2]
    callback = "/v1/btcpay/authorize/callback"
    refused = life.shop.client.get(callback, params={"state": state, "apiKey": key})
    assert refused.status_code in {400, 502}
    body = {"api_key": key}
    assert life.shop.admin("POST", "/zaprite/connect", ok=False, json=body).status_code == 400
    assert life.leaks() == []


def test_a_page_after_a_connect_gives_a_strangers_words_no_power(life: Life) -> None:
    life.btcpay.world.stores[life.store_id].name = "<script>alert(1)</script>"
    page = life.consent(life.begin())
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
