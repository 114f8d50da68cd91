"""A shop whose payments are made at the double of BTCPay Server, in this process and virtual time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.actor import Scope
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_http.reconciling import reconcile_invoices
from keysat_http.settling import settle_noted_receipts
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.modes import Mode
from tests.simulators.btcpay.stores import Store
from tests.simulators.virtual_clock import VirtualClock
from tests.support.http import PUBLIC_URL, START, TurnedClock
from tests.support.line import Line
from tests.support.shop import Shop, Wire, running_shop

BASE: Final = "http://btcpay.internal"
BROWSER: Final = "https://btcpay.example"
PUBLIC: Final = "https://pay.example/btcpay"


@dataclass(kw_only=True)
class VirtualTime(TurnedClock):
    """The shop's clock is the double's: turning it fires what is due there."""

    virtual: VirtualClock = field(default_factory=lambda: VirtualClock(START))

    def now(self) -> Instant:
        return self.virtual.now()

    def turn(self, seconds: int) -> None:
        self.virtual.advance(seconds)


@dataclass(kw_only=True)
class BTCPayShop:
    """A shop, the double it is paid at, and the store that is connected."""

    shop: Shop
    fake: FakeBTCPay
    store: Store
    clock: VirtualTime
    line: Line
    gateway: BTCPayGateway

    def begin(self, **body: Any) -> dict[str, Any]:
        """Ask for a consent link."""
        link: dict[str, Any] = self.shop.admin("POST", "/btcpay/connect", json=body)
        return link

    def consent(self, link: Mapping[str, Any], *stores: str) -> httpx.Response:
        """Approve for some stores, else for the one there is, and post what BTCPay posts."""
        form = self.fake.approve(link["authorize_url"], list(stores) or [self.store.id])
        target = urlsplit(form.target)
        return self.shop.client.post(
            f"{target.path}?{target.query}",
            content=form.body,
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

    def connect(self, **body: Any) -> ProviderAccount:
        answer = self.consent(self.begin(**body))
        assert answer.status_code == 200, answer.text
        return self.account()

    def account(self) -> ProviderAccount:
        """The account that was connected last."""
        with self.shop.ports.store.reading() as tx:
            accounts = tx.merchants.list_all_accounts(is_disconnected_included=True)
        return [one for one in accounts if one.kind is ProviderKind.BTCPAY][-1]

    def buy(self, product: str = "app", **fields: Any) -> dict[str, Any]:
        return self.shop.buy(product, **fields)

    def pay(self, purchase: Mapping[str, Any], **how: Any) -> None:
        self.fake.pay(purchase["btcpay_invoice_id"], **how)

    def status(self, purchase: Mapping[str, Any]) -> str:
        status: str = self.shop.poll(purchase["invoice_id"])["status"]
        return status

    def webhook_id(self) -> str:
        """The webhook of the account that was connected last."""
        webhook_id = self.account().webhook_id
        assert webhook_id is not None
        return webhook_id

    def look_again(self, seconds: int = 0) -> None:
        """Let time pass, then only do what webhooks left to be looked at again."""
        self.clock.turn(seconds)
        settle_noted_receipts(self.shop.ports)

    def tick(self, seconds: int = 0) -> None:
        """Let time pass, then do what the server's ticks do."""
        self.clock.turn(seconds)
        settle_noted_receipts(self.shop.ports)
        reconcile_invoices(self.shop.ports)


@contextmanager
def running_btcpay_shop(
    *,
    mode: Mode | str = Mode.V2_4,
    is_sandbox: bool = False,
    is_connected: bool = True,
    scopes: frozenset[Scope] = frozenset(),
    public_base: str | None = PUBLIC,
    network: str = "regtest",
    **store: Any,
) -> Iterator[BTCPayShop]:
    """Run a shop with one product and, unless told otherwise, its store connected."""
    clock, wire = VirtualTime(), Wire()

    def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert url.startswith(PUBLIC_URL)
        status = wire(url.removeprefix(PUBLIC_URL), headers, body)
        assert status is not None
        return status

    fake = FakeBTCPay(clock.virtual, mode=mode, post=post)
    line = Line(default=fake.transport())
    sender = HTTPSender(transport=line)
    gateway = BTCPayGateway(sender, base_url=BASE, browser_url=BROWSER, public_base=public_base)
    with (
        sender,
        running_shop(is_sandbox=is_sandbox, btcpay=gateway, clock=clock, scopes=scopes) as shop,
    ):
        wire.send = shop.wire.send
        shop.add_product()
        opened = BTCPayShop(
            shop=shop,
            fake=fake,
            store=fake.add_store(network=network, **store),
            clock=clock,
            line=line,
            gateway=gateway,
        )
        if is_connected:
            opened.connect()
        yield opened
        fake.check()
