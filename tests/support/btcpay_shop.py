"""A shop whose payments are made at the double of BTCPay Server, in this process and virtual time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import httpx

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.actor import Scope
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.modes import Mode
from tests.simulators.btcpay.stores import Store
from tests.support.line import Line
from tests.support.paid_shop import PaidShop, VirtualTime
from tests.support.shop import Wire, running_shop

BASE: Final = "http://btcpay.internal"
BROWSER: Final = "https://btcpay.example"
PUBLIC: Final = "https://pay.example/btcpay"


@dataclass(kw_only=True)
class BTCPayShop(PaidShop):
    """A shop, the double it is paid at, and the store that is connected."""

    kind: ClassVar = ProviderKind.BTCPAY
    fake: FakeBTCPay
    store: Store
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

    def pay(self, purchase: Mapping[str, Any], **how: Any) -> None:
        self.fake.pay(purchase["btcpay_invoice_id"], **how)

    def webhook_id(self) -> str:
        """The webhook of the account that was connected last."""
        webhook_id = self.account().webhook_id
        assert webhook_id is not None
        return webhook_id


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
    fake = FakeBTCPay(clock.virtual, mode=mode, post=wire.post)
    line = Line(default=fake.transport())
    sender = HTTPSender(transport=line)
    gateway = BTCPayGateway(sender, base_url=BASE, browser_url=BROWSER, public_base=public_base)
    with (
        sender,
        running_shop(
            is_sandbox=is_sandbox, btcpay=gateway, clock=clock, scopes=scopes, wire=wire
        ) as shop,
    ):
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
