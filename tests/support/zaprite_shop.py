"""A shop whose payments are made at the double of Zaprite, in this process and virtual time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.zaprite.gate import Zaprite
from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.saved_payment import Charge, SavedPayment
from keysat_core.domain.self_license import SelfLicense
from keysat_core.use_cases.zaprite.charge_invoice import (
    ChargedInvoice,
    ChargeInvoice,
    charge_invoice,
)
from keysat_http.capturing import capture_payments
from keysat_http.leasing import Work
from keysat_http.reconciling import reconcile_invoices
from keysat_http.settling import settle_noted_receipts
from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.http import PUBLIC_URL, START, TurnedClock
from tests.support.shop import EVERYTHING, Shop, Wire, running_shop
from tests.support.trade import OPERATOR

BASE: Final = "https://api.zaprite.example"


@dataclass(kw_only=True)
class VirtualTime(TurnedClock):
    """The shop's clock is the double's: turning it fires what is due there."""

    virtual: VirtualClock = field(default_factory=lambda: VirtualClock(START))

    def now(self) -> Instant:
        return self.virtual.now()

    def turn(self, seconds: int) -> None:
        self.virtual.advance(seconds)


@dataclass(kw_only=True)
class ZapriteShop:
    """A shop and the double it is paid at."""

    shop: Shop
    fake: FakeZaprite
    clock: VirtualTime

    def connect(self, *, ok: bool = True, **body: Any) -> Any:
        """Connect the live organization."""
        sent = {"api_key": self.fake.live.api_key, "base_url": BASE} | body
        return self.shop.admin("POST", "/zaprite/connect", ok=ok, json=sent)

    def account(self) -> ProviderAccount:
        """The account that was connected last."""
        with self.shop.ports.store.reading() as tx:
            accounts = tx.merchants.list_all_accounts(is_disconnected_included=True)
        return [one for one in accounts if one.kind is ProviderKind.ZAPRITE][-1]

    @property
    def webhook_url(self) -> str:
        return f"{PUBLIC_URL}/v1/zaprite/webhook/{self.account().id}"

    def buy(self, **fields: Any) -> dict[str, Any]:
        return self.shop.buy(**fields)

    def status(self, purchase: Mapping[str, Any]) -> str:
        status: str = self.shop.poll(purchase["invoice_id"])["status"]
        return status

    def calls(self, operation: str) -> int:
        return len(list(self.fake.journal.calls(operation)))

    def receipts(self) -> list[tuple[str, str]]:
        """Id and outcome of every receipt."""
        with self.shop.ports.store.reading() as tx:
            session: Any = tx.receipts
            rows = session._session.rows("SELECT id, outcome FROM webhook_receipts")
        return [(row[0], row[1]) for row in rows]

    def tick(self, seconds: int = 0) -> None:
        """Let time pass, then do what the server's ticks do."""
        self.clock.turn(seconds)
        settle_noted_receipts(self.shop.ports)
        reconcile_invoices(self.shop.ports)

    def capture(self) -> Work:
        return capture_payments(self.shop.ports)

    def saved(self, purchase: Mapping[str, Any]) -> SavedPayment | None:
        with self.shop.ports.store.reading() as tx:
            return tx.saved_payments.find_saved(InvoiceId(purchase["invoice_id"]))

    def charge_of(self, purchase: Mapping[str, Any]) -> Charge | None:
        with self.shop.ports.store.reading() as tx:
            return tx.saved_payments.find_charge(InvoiceId(purchase["invoice_id"]))

    def charge(self, purchase: Mapping[str, Any], saved: Mapping[str, Any]) -> ChargedInvoice:
        ports = self.shop.ports
        assert ports.saved_payments is not None
        return charge_invoice(
            OPERATOR,
            ChargeInvoice(
                invoice_id=InvoiceId(purchase["invoice_id"]),
                saved_invoice_id=InvoiceId(saved["invoice_id"]),
            ),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            saved_payments=ports.saved_payments,
        )

    def sell_recurring(self, *, attaches: bool = True, after: int = 0) -> dict[str, Any]:
        """Sell the monthly tier, its card saved with it."""
        purchase = self.buy(policy_slug="monthly", buyer_email="ada@example.com")
        self.fake.pay(purchase["btcpay_invoice_id"])
        if attaches:
            self.fake.attach_profile(purchase["btcpay_invoice_id"], after)
        self.fake.deliver_due()
        assert self.status(purchase) == "settled"
        return purchase


@contextmanager
def running_zaprite_shop(
    *,
    is_connected: bool = True,
    registers: bool = True,
    self_license: SelfLicense = EVERYTHING,
    scopes: frozenset[Scope] = frozenset(),
    **how: Any,
) -> Iterator[ZapriteShop]:
    """Run a shop with a product, a monthly tier and, unless told otherwise, its account connected."""
    clock, wire = VirtualTime(), Wire()

    def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert url.startswith(PUBLIC_URL)
        status = wire(url.removeprefix(PUBLIC_URL), headers, body)
        assert status is not None
        return status

    fake = FakeZaprite(clock.virtual, post=post, **how)
    fake.live.registration_refusal = None if registers else 403
    sender = HTTPSender(transport=fake.transport())
    zaprite = Zaprite(sender, clock=clock)
    with (
        sender,
        running_shop(
            is_sandbox=False,
            zaprite=zaprite,
            clock=clock,
            scopes=scopes,
            self_license=self_license,
        ) as shop,
    ):
        wire.send = shop.wire.send
        if self_license is EVERYTHING:
            shop.add_product()
            shop.add_policy("default")
            shop.add_policy("monthly", is_recurring=True, renewal_period_days=30)
        opened = ZapriteShop(shop=shop, fake=fake, clock=clock)
        if is_connected:
            opened.connect()
        yield opened
        fake.check()
