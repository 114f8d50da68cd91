"""One subscription in a real store, its provider scripted, and what must always hold of it."""

from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

import msgspec

from keysat_core.domain.ids import InvoiceId, PolicyId, ProductId, ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import License, LicenseStatus, Standing, standing
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import ProviderStatus
from keysat_core.domain.subscription import Cycle, Subscription, SubscriptionStatus
from keysat_core.errors import KeysatError
from keysat_core.ports.bundle import Ports
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.self_licenses import MemorySelfLicenses
from keysat_core.use_cases.licenses.change_license_status import revoke_license
from keysat_core.use_cases.policies.archive_policy import ArchivePolicy, archive_policy
from keysat_core.use_cases.subscriptions.cancel_subscription import cancel_subscription
from keysat_http.leasing import Work
from keysat_http.renewing import renew_subscriptions
from tests.support.trade import OPERATOR, PATRON, PUBLIC_URL, Trade, open_trade

CANCELLED: Final = SubscriptionStatus.CANCELLED
LIVE: Final = {SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE}


class SubscriptionWorld:
    """A shop that sold a recurring tier once. Time is turned, and ticks are run, by the test."""

    def __init__(self, *, price: Money | None = None, **policy: Any) -> None:
        self.trade: Trade = open_trade()
        self.ports = _ports(self.trade)
        if price is not None:
            product = msgspec.structs.replace(self.trade.shop.product, price=price)
            with self.trade.store.writing() as tx:
                tx.products.put_product(product)
        recurring = {"is_recurring": True, "renewal_period_days": 30}
        self.policy = self.trade.put_policy(**(recurring | policy))
        self.first_invoice_id = InvoiceId("")
        self.collected_by: ProviderAccountId | None = None
        self.is_cancelled = False

    # --- what happens ---------------------------------------------------------------------------

    def buy(self) -> None:
        """Buy it; what is to be paid is paid at once."""
        opened = self.trade.open(policy_slug=self.policy.slug, buyer_email="ada@example.com")
        self.first_invoice_id = opened.invoice.id
        if not opened.invoice.is_free:
            self.trade.request(opened.invoice.id)
            self.trade.provider.pay(opened.invoice.id)
            self.trade.settle(opened.invoice.id)

    def tick(self, seconds: int = 0) -> Work:
        self.trade.clock.advance(seconds)
        return renew_subscriptions(self.ports, public_url=PUBLIC_URL)

    def pay(self, invoice_id: InvoiceId) -> bool:
        """Pay an invoice if its provider lets anybody; one that is over is marked by the operator."""
        truths = self.trade.provider.truths_of(invoice_id)
        if not truths:
            return False
        self.trade.provider.faults.clear()
        if truths[-1].report.status is ProviderStatus.PENDING:
            self.trade.provider.pay(invoice_id)
        elif truths[-1].report.status is not ProviderStatus.SETTLED:
            self.trade.provider.mark_settled(invoice_id)
        self.trade.settle(invoice_id)
        return True

    def expire(self, invoice_id: InvoiceId) -> None:
        """Let the time to pay an invoice pass."""
        truths = self.trade.provider.truths_of(invoice_id)
        if not truths or truths[-1].report.status is not ProviderStatus.PENDING:
            return
        self.trade.provider.faults.clear()
        self.trade.provider.expire(invoice_id)
        self.trade.settle(invoice_id)

    def reconcile(self) -> None:
        self.trade.provider.faults.clear()
        with suppress(KeysatError):
            self.trade.reconcile()

    def cancel(self) -> None:
        trade = self.trade
        cancel_subscription(
            OPERATOR, self.row.id, reason="x", store=trade.store, clock=trade.clock, ids=trade.ids
        )
        self.is_cancelled = self.row.status is CANCELLED

    def revoke(self) -> None:
        trade = self.trade
        revoke_license(
            OPERATOR,
            self.license.id,
            reason=None,
            store=trade.store,
            clock=trade.clock,
            ids=trade.ids,
        )
        self.is_cancelled = self.row.status is CANCELLED

    def archive(self, *, archived: bool) -> None:
        trade = self.trade
        command = ArchivePolicy(policy_id=PolicyId(self.policy.id), archived=archived)
        archive_policy(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)

    def edit_product(self, price: int) -> None:
        """Change the price and hand the product to another profile: neither is a subscriber's."""
        with self.trade.store.writing() as tx:
            product = tx.products.get_product(ProductId(self.policy.product_id))
            changed = msgspec.structs.replace(product.price, amount=price)
            tx.products.put_product(msgspec.structs.replace(product, price=changed))

    # --- what is stored -------------------------------------------------------------------------

    @property
    def row(self) -> Subscription:
        license = self.license
        with self.trade.store.reading() as tx:
            found = tx.subscriptions.find_subscription_of(license.id)
        assert found is not None
        return found

    @property
    def license(self) -> License:
        found = self.trade.license_for(self.first_invoice_id)
        assert found is not None
        return found

    @property
    def cycles(self) -> list[Cycle]:
        """Every cycle, oldest first."""
        id_ = self.row.id
        with self.trade.store.reading() as tx:
            return tx.subscriptions.list_cycles(id_, 10_000)[::-1]

    @property
    def settled(self) -> list[Cycle]:
        """Every paid or free cycle by its number."""
        return sorted((one for one in self.cycles if one.settled_at), key=lambda one: one.number)

    @property
    def open_cycle(self) -> Cycle | None:
        return next((one for one in self.cycles if one.is_open), None)

    def open_invoice_id(self) -> InvoiceId:
        cycle = self.open_cycle
        assert cycle is not None
        assert cycle.invoice_id is not None
        return cycle.invoice_id

    # --- what always holds ----------------------------------------------------------------------

    def check(self) -> None:
        row, cycles, settled = self.row, self.cycles, self.settled
        assert sum(one.is_open for one in cycles) <= 1
        assert [one.number for one in settled] == list(range(1, len(settled) + 1))
        for before, after in pairwise(settled):
            assert after.start_at >= before.end_at
            is_late = after.settled_at is not None and after.settled_at > before.end_at
            assert after.start_at == before.end_at or is_late
        if self.is_cancelled:
            assert row.status is CANCELLED
        assert (row.next_action_at is not None) is (row.status in LIVE)
        if row.status in LIVE:
            assert row.next_renewal_at == settled[-1].end_at
        assert len(self.trade.licenses()) == 1
        self._check_license(row)
        self._check_account(row)
        renewed = self.trade.events("subscription.renewed")
        paid = [one for one in settled if one.number > 1 and one.invoice_id is not None]
        assert len(renewed) == len(paid)

    def _check_license(self, row: Subscription) -> None:
        license, now = self.license, self.trade.clock.now()
        if license.status is not LicenseStatus.ACTIVE:
            return
        expires_at = license.expires_at
        assert expires_at is not None
        is_valid = standing(license, now) in {Standing.VALID, Standing.GRACE}
        if row.status is SubscriptionStatus.LAPSED:
            assert not is_valid
        elif row.status is CANCELLED:
            assert is_valid is (now < expires_at + self.policy.grace_seconds)
        else:
            assert expires_at >= self.settled[-1].end_at
            grace = max(self.policy.grace_seconds, self.policy.grace_period_days * DAY_SECONDS)
            assert is_valid is (now < expires_at + grace)

    def _check_account(self, row: Subscription) -> None:
        """Who collects is kept once it is known, whatever is edited."""
        if self.collected_by is not None:
            assert row.account_id == self.collected_by
        self.collected_by = row.account_id

    def check_amounts(self, listed: Money) -> None:
        """In sats the listed price is asked exactly, each cycle."""
        for one in self.cycles:
            if one.number == 1 or one.invoice_id is None or listed.currency is not Currency.SAT:
                continue
            assert self.trade.invoice(one.invoice_id).amount_sats == listed.amount

    def statuses(self) -> set[InvoiceStatus]:
        return {self.trade.invoice(one.invoice_id).status for one in self.cycles if one.invoice_id}

    def close(self) -> None:
        self.trade.close()


def _ports(trade: Trade) -> Ports:
    return Ports(
        clock=trade.clock,
        entropy=SeededEntropy(),
        ids=trade.ids,
        store=trade.store,
        facts=trade.facts,
        keys=trade.keys,
        providers=trade.providers,
        rates=trade.rates,
        validations=trade.log,
        heartbeats=trade.heartbeats,
        self_licenses=MemorySelfLicenses(PATRON),
    )
