"""A shop whose payments are made at the double of Zaprite, in this process and virtual time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.zaprite.gate import Zaprite
from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.saved_payment import Charge, SavedPayment
from keysat_core.domain.self_license import SelfLicense
from keysat_core.use_cases.zaprite.charge_invoice import (
    ChargedInvoice,
    ChargeInvoice,
    charge_invoice,
)
from keysat_http.capturing import capture_payments
from keysat_http.leasing import Work
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.http import PUBLIC_URL
from tests.support.paid_shop import PaidShop, VirtualTime
from tests.support.shop import EVERYTHING, Wire, running_shop
from tests.support.trade import OPERATOR

BASE: Final = "https://api.zaprite.example"


@dataclass(kw_only=True)
class ZapriteShop(PaidShop):
    """A shop and the double it is paid at."""

    kind: ClassVar = ProviderKind.ZAPRITE
    fake: FakeZaprite

    def connect(self, *, ok: bool = True, **body: Any) -> Any:
        """Connect the live organization."""
        sent = {"api_key": self.fake.live.api_key, "base_url": BASE} | body
        return self.shop.admin("POST", "/zaprite/connect", ok=ok, json=sent)

    @property
    def webhook_url(self) -> str:
        return f"{PUBLIC_URL}/v1/zaprite/webhook/{self.account().id}"

    def calls(self, operation: str) -> int:
        return len(list(self.fake.journal.calls(operation)))

    def receipts(self) -> list[tuple[str, str]]:
        """Id and outcome of every receipt."""
        with self.shop.ports.store.reading() as tx:
            session: Any = tx.receipts
            rows = session._session.rows("SELECT id, outcome FROM webhook_receipts")
        return [(row[0], row[1]) for row in rows]

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
    fake = FakeZaprite(clock.virtual, post=wire.post, **how)
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
            wire=wire,
            self_license=self_license,
        ) as shop,
    ):
        if self_license is EVERYTHING:
            shop.add_product()
            shop.add_policy("default")
            shop.add_policy("monthly", is_recurring=True, renewal_period_days=30)
        opened = ZapriteShop(shop=shop, fake=fake, clock=clock)
        if is_connected:
            opened.connect()
        yield opened
        fake.check()
