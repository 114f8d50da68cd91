"""The payment service: what becomes of its invoices as time passes and people pay, and its webhooks."""

from random import Random
from typing import Final

import msgspec

from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, Instant
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import LightningStatus, ProviderStatus
from tests.support.scripted_provider import ScriptedProvider, Truth, webhook_body
from tests.support.simulation.stage import Stage

EXPIRY_SECONDS: Final = (900, HOUR_SECONDS, 3 * DAY_SECONDS)
"""How long an invoice may be paid; the service's operator chooses."""

ARRIVAL_CHANCE: Final = 0.05
"""Chance per step that a payment on its way comes to its end."""

DOWN_SECONDS: Final = (60, HOUR_SECONDS, 2 * DAY_SECONDS)


class Sale(msgspec.Struct, kw_only=True):
    """One of the service's invoices. ``settled_at`` is None while nobody may call it paid."""

    truth: Truth
    opened_at: Instant
    expires_at: Instant
    confirms_at: Instant | None = None
    paid_sats: int = 0
    settled_at: Instant | None = None

    @property
    def status(self) -> ProviderStatus:
        return self.truth.report.status


class SimulatedService:
    """Moves invoices along and sends webhooks about it into ``outgoing``, in the order of events."""

    def __init__(self, stage: Stage, provider: ScriptedProvider) -> None:
        self.provider = provider
        self.sales: dict[str, Sale] = {}
        self.outgoing: list[bytes] = []
        self.ever_settled: set[str] = set()
        self.down_until = Instant(0)
        self._stage = stage
        self._rng = stage.rng("service")
        self._outward = stage.rng("outward")
        self._expiry = self._rng.choice(EXPIRY_SECONDS)

    # --- time -----------------------------------------------------------------------------------

    def turn(self) -> None:
        """Do what is due: take in new invoices, confirm payments, let the time to pay run out."""
        now = self._stage.now
        for truth in self.provider.truths()[len(self.sales) :]:
            self.sales[truth.id] = Sale(
                truth=truth, opened_at=now, expires_at=Instant(now + self._expiry)
            )
        for sale in self.sales.values():
            if sale.status is not ProviderStatus.PENDING:
                continue
            if sale.confirms_at is not None:
                if now >= sale.confirms_at:
                    self._settle(sale, "Settled")
            elif now >= sale.expires_at:
                self._tell(sale, ProviderStatus.EXPIRED, "Expired")
        self._let_payments_arrive()
        if now < self.down_until:
            self._stage.trouble()
        self.provider.is_down = now < self.down_until

    def _let_payments_arrive(self) -> None:
        """End what was paid out and is on its way, sooner or later, one way or the other."""
        for payment_hash, status in self.provider.payments.items():
            is_due = not self._stage.is_open or self._outward.random() < ARRIVAL_CHANCE
            if status is LightningStatus.PENDING and is_due:
                truth = self._outward.choice((LightningStatus.SENT, LightningStatus.FAILED))
                self.provider.payments[payment_hash] = truth

    def go_down(self) -> None:
        """Answer nobody for a while."""
        self.down_until = Instant(self._stage.now + self._rng.choice(DOWN_SECONDS))

    # --- people ---------------------------------------------------------------------------------

    def pay(self, provider_invoice_id: str, rng: Random) -> str:
        """Pay in one of the ways people do; give what was done."""
        sale = self.sales[provider_invoice_id]
        if sale.truth.report.is_paid_late:
            return "no more"
        if sale.status is ProviderStatus.EXPIRED:
            raw = "Expired (paid late)"
            self._tell(sale, ProviderStatus.EXPIRED, raw, is_paid_late=True)
            return "late"
        if sale.status is not ProviderStatus.PENDING or sale.confirms_at is not None:
            return "no more"
        way = rng.choice(
            ("lightning", "lightning", "onchain", "onchain", "short", "never confirms")
        )
        if way == "lightning":
            self._settle(sale, "Settled")
        elif way == "onchain":
            sale.confirms_at = Instant(self._stage.now + rng.randint(600, 2 * HOUR_SECONDS))
            self._tell(sale, ProviderStatus.PENDING, "Processing", is_processing=True)
        elif way == "short":
            sale.paid_sats = 1 + rng.randrange(sale.truth.order.price.amount)
            paid = Money(currency=Currency.SAT, amount=sale.paid_sats)
            self._tell(sale, ProviderStatus.PENDING, "New (paid partly)", paid=paid)
        else:
            self._tell(sale, ProviderStatus.INVALID, "Invalid")
        return way

    def have_second_thoughts(self, provider_invoice_id: str, rng: Random) -> str:
        """Do what the seller does by hand at the service's own till; give what was done."""
        sale = self.sales[provider_invoice_id]
        if sale.status is ProviderStatus.SETTLED:
            thought = rng.choice(("refund", "mark invalid", "look", "look", "look"))
            if thought == "refund":
                self._tell(sale, ProviderStatus.REFUNDED, "Refunded")
            elif thought == "mark invalid":
                self._tell(sale, ProviderStatus.INVALID, "Invalid (marked)")
            return thought
        if sale.status in {ProviderStatus.EXPIRED, ProviderStatus.INVALID}:
            self._settle(sale, "Settled (marked)", marked_by_hand=True)
            return "mark settled"
        return "look"

    # --- webhooks -------------------------------------------------------------------------------

    def forge(self, rng: Random) -> bytes:
        """Spell a webhook that claims what is not so, or is about nothing we know."""
        unpaid = [id_ for id_, sale in self.sales.items() if sale.status is ProviderStatus.PENDING]
        about = rng.choice([*unpaid, "p-unknown"])
        return webhook_body("settled", about)

    def _settle(self, sale: Sale, raw_status: str, **changes: object) -> None:
        sale.settled_at = self._stage.now
        self.ever_settled.add(sale.truth.order.invoice_id)
        self._tell(sale, ProviderStatus.SETTLED, raw_status, **changes)

    def _tell(self, sale: Sale, status: ProviderStatus, raw_status: str, **changes: object) -> None:
        if status is not ProviderStatus.SETTLED:
            sale.settled_at = None
        if sale.paid_sats and status is ProviderStatus.EXPIRED:
            changes = {"paid": Money(currency=Currency.SAT, amount=sale.paid_sats)} | changes
        sale.truth.turn(status, raw_status, **changes)
        self._stage.note(f"service: {sale.truth.id} is {raw_status}")
        self.outgoing.append(webhook_body(raw_status.split(maxsplit=1)[0].lower(), sale.truth.id))
