"""A shop in this process that is paid at the double of a provider, both in virtual time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_http.receipt_rounds import settle_noted_receipts
from keysat_http.reconciling import reconcile_invoices
from tests.simulators.virtual_clock import VirtualClock
from tests.support.http import START, TurnedClock
from tests.support.shop import Shop


@dataclass(kw_only=True)
class VirtualTime(TurnedClock):
    """The shop's clock is the double's: turning it fires what is due there."""

    virtual: VirtualClock = field(default_factory=lambda: VirtualClock(START))

    def now(self) -> Instant:
        return self.virtual.now()

    def turn(self, seconds: int) -> None:
        self.virtual.advance(seconds)


@dataclass(kw_only=True)
class PaidShop:
    """A shop and its time; which provider's double it is paid at, a subclass says."""

    kind: ClassVar[ProviderKind]
    shop: Shop
    clock: VirtualTime

    def account(self) -> ProviderAccount:
        """The account that was connected last."""
        with self.shop.ports.store.reading() as tx:
            accounts = tx.merchants.list_all_accounts(is_disconnected_included=True)
        return [one for one in accounts if one.kind is self.kind][-1]

    def buy(self, product: str = "app", **fields: Any) -> dict[str, Any]:
        return self.shop.buy(product, **fields)

    def status(self, purchase: Mapping[str, Any]) -> str:
        status: str = self.shop.poll(purchase["invoice_id"])["status"]
        return status

    def look_again(self, seconds: int = 0) -> None:
        """Let time pass, then only do what webhooks left to be looked at again."""
        self.clock.turn(seconds)
        settle_noted_receipts(self.shop.ports)

    def tick(self, seconds: int = 0) -> None:
        """Let time pass, then do what the server's ticks do."""
        self.look_again(seconds)
        reconcile_invoices(self.shop.ports)
