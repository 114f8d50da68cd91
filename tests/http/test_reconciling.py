"""The rounds over due invoices when there are many of them, or a provider does not answer for some.

Source: payments 10.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest

from keysat_core.domain.ids import InvoiceId, MerchantProfileId, ProductId, ProviderAccountId
from keysat_core.domain.instant import HOUR_SECONDS, Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, ProviderKind
from keysat_core.domain.payment import ProviderReport, ProviderStatus
from keysat_core.domain.provider_health import LEAVE_ALONE_SECONDS, ProviderHealth
from keysat_core.errors import ProviderRefused
from keysat_core.ports.payments import PaymentProvider
from keysat_core.ports.sandbox import PretendPayment
from keysat_http.reconciling import DUE_INVOICES_MAX, reconcile_backlog, reconcile_invoices
from keysat_http.settling import Pass
from tests.support.scripted_provider import ScriptedProvider
from tests.support.shop import Shop, running_shop


class Knowing(ScriptedProvider):
    """A service that holds some invoices and counts how often it is asked about each."""

    def __init__(self, paid: set[str], pending: set[str]) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self._paid = paid
        self._pending = pending

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        self.calls[provider_invoice_id] += 1
        if provider_invoice_id in self._paid:
            return ProviderReport(status=ProviderStatus.SETTLED, raw_status="Settled")
        if provider_invoice_id in self._pending:
            return ProviderReport(status=ProviderStatus.PENDING, raw_status="New")
        raise ProviderRefused("read invoice", "not_found")


@dataclass
class OneService:
    """Implements ``ports.payments.PaymentProviders``: every account is at the same service."""

    provider: PaymentProvider
    asked: list[ProviderAccountId] = field(default_factory=list)

    def kinds(self) -> frozenset[ProviderKind]:
        return frozenset(ProviderKind)

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        self.asked.append(account.id)
        return self.provider


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop(peer="127.0.0.1") as shop:
        shop.add_product()
        yield shop


def another_account(shop: Shop) -> ProviderAccountId:
    now = shop.clock.now()
    profile = MerchantProfile(
        id=MerchantProfileId(shop.ports.ids.new()),
        name="Second",
        is_default=False,
        created_at=now,
        updated_at=now,
    )
    with shop.ports.store.writing() as tx:
        tx.merchants.put_profile(profile)
        first = tx.merchants.find_account(ProviderAccountId(shop.account_id))
        assert first is not None
        account_id = ProviderAccountId(shop.ports.ids.new())
        tx.merchants.put_account(
            msgspec.structs.replace(first, id=account_id, merchant_profile_id=profile.id)
        )
    return account_id


def put_invoices(shop: Shop, number: int, account_id: str, *, age: int) -> list[Invoice]:
    """Store invoices that wait, as if opened ``age`` seconds ago."""
    made_at = Instant(shop.clock.now() - age)
    with shop.ports.store.writing() as tx:
        product = tx.products.find_product_by_slug("app")
        assert product is not None
        invoices = [
            Invoice(
                id=InvoiceId(shop.ports.ids.new()),
                product_id=ProductId(product.id),
                amount_sats=1_000,
                base_price_sats=1_000,
                provider_account_id=ProviderAccountId(account_id),
                provider_invoice_id=f"p-{account_id}-{n}",
                created_at=made_at,
                updated_at=made_at,
            )
            for n in range(number)
        ]
        for invoice in invoices:
            tx.invoices.put_invoice(invoice)
    return invoices


def test_a_dead_provider_with_very_many_invoices_hides_no_payment_of_another(shop: Shop) -> None:
    dead = another_account(shop)
    put_invoices(shop, DUE_INVOICES_MAX, dead, age=3 * HOUR_SECONDS)
    now = shop.clock.now()
    with shop.ports.store.writing() as tx:
        tx.connections.put_health(
            ProviderHealth(
                account_id=dead,
                failures=9,
                failing_since=now,
                left_until=Instant(now + LEAVE_ALONE_SECONDS[-1]),
            )
        )
    paid = shop.buy()
    shop.act(paid, PretendPayment.PAY)
    reconcile_backlog(shop.ports)
    assert shop.poll(paid["invoice_id"])["license_key"]


def test_one_tick_asks_about_each_invoice_once(shop: Shop) -> None:
    made = put_invoices(shop, 60, shop.account_id, age=60)
    provider = Knowing(set(), {invoice.provider_invoice_id or "" for invoice in made})
    shop.providers.inner = OneService(provider)
    reconcile_backlog(shop.ports)
    assert set(provider.calls.values()) == {1}
    assert len(provider.calls) == 60


def test_invoices_a_provider_does_not_know_keep_no_other_of_it_waiting(shop: Shop) -> None:
    """A service that was restored from a backup has forgotten some, which is no failure of it."""
    *_, last = put_invoices(shop, 11, shop.account_id, age=60)
    stamped = msgspec.structs.replace(last, last_checked_at=shop.clock.now())
    with shop.ports.store.writing() as tx:
        tx.invoices.put_invoice(stamped)
    shop.providers.inner = OneService(Knowing({last.provider_invoice_id or ""}, set()))
    assert reconcile_invoices(shop.ports) == Pass(changed=1, failed=10)
    assert shop.invoice(last.id).status is InvoiceStatus.SETTLED
