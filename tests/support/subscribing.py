"""A subscription at a shop that runs: its rows, what was told of it, and the tick that renews it."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from keysat_core.domain.ids import InvoiceId, LicenseId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License, Standing, standing
from keysat_core.domain.subscription import Cycle, Subscription, SubscriptionStatus
from keysat_http.leasing import Work
from keysat_http.renewing import renew_subscriptions
from tests.support.http import PUBLIC_URL
from tests.support.shop import Shop

DAY: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class Subscribed:
    """One subscription of a shop, found by the invoice of its purchase."""

    shop: Shop
    first_invoice_id: str

    @property
    def license(self) -> License:
        with self.shop.ports.store.reading() as tx:
            license = tx.licenses.find_license_for_invoice(InvoiceId(self.first_invoice_id))
        assert license is not None
        return license

    @property
    def row(self) -> Subscription:
        license_id = LicenseId(self.license.id)
        with self.shop.ports.store.reading() as tx:
            found = tx.subscriptions.find_subscription_of(license_id)
        assert found is not None
        return found

    def status(self) -> SubscriptionStatus:
        """How it stands now; a call, because it changes between two looks."""
        return self.row.status

    @property
    def cycles(self) -> list[Cycle]:
        """Every cycle, oldest first."""
        subscription_id = self.row.id
        with self.shop.ports.store.reading() as tx:
            return tx.subscriptions.list_cycles(subscription_id, 1_000)[::-1]

    @property
    def open_invoice(self) -> Invoice:
        """The invoice that waits to be paid."""
        subscription_id = self.row.id
        with self.shop.ports.store.reading() as tx:
            cycle = tx.subscriptions.find_open_cycle(subscription_id)
            assert cycle is not None
            assert cycle.invoice_id is not None
            return tx.invoices.get_invoice(cycle.invoice_id)

    def order_id(self) -> str:
        """The open invoice's id at its provider."""
        found = self.open_invoice.provider_invoice_id
        assert found is not None
        return found

    def standing(self) -> Standing:
        """What a validation would find."""
        return standing(self.license, self.shop.clock.now())

    def purchase_of(self, invoice: Invoice) -> dict[str, Any]:
        """The open invoice in the form a purchase is answered in."""
        return {"invoice_id": invoice.id, "btcpay_invoice_id": invoice.provider_invoice_id}


def renew(shop: Shop) -> Work:
    """Run the tick once."""
    return renew_subscriptions(shop.ports, public_url=PUBLIC_URL)


def told(shop: Shop, event_type: str) -> list[dict[str, Any]]:
    """The data of every event of a type, oldest first."""
    with shop.ports.store.reading() as tx:
        events = tx.trail.list_events(limit=10_000)
    bodies = [msgspec.json.decode(one.body) for one in events if one.event_type == event_type]
    return [dict(body["data"]) for body in bodies]


def subscription_events(shop: Shop) -> list[str]:
    """The types of every event about subscriptions, in their order."""
    with shop.ports.store.reading() as tx:
        events = tx.trail.list_events(limit=10_000)
    prefix = "subscription."
    return [one.event_type.removeprefix(prefix) for one in events if prefix in one.event_type]
