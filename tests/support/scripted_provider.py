"""A payment service on a table: its invoices, faults and delays are scripted by the test.

What it holds is the truth; what it says may be refused, withheld, lost on the way or out of date.
"""

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from itertools import count
from typing import Final

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    LightningStatus,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
    ProviderStatus,
)
from keysat_core.errors import (
    NotAuthentic,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
)

SIGNATURE: Final = {"x-signature": "scripted"}
"""Headers of an authentic webhook."""


class Fault(StrEnum):
    """What goes wrong with one call."""

    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    LOST = "lost"
    """The service acts, and its answer never arrives."""


class Truth(msgspec.Struct, kw_only=True):
    """An invoice as the service holds it."""

    id: str
    order: InvoiceOrder
    report: ProviderReport
    shown: ProviderReport

    def turn(self, status: ProviderStatus, raw_status: str, **changes: object) -> None:
        """Change what is true; what is shown follows at the next reveal."""
        fresh = ProviderReport(status=status, raw_status=raw_status, price=self.order.price)
        self.report = msgspec.structs.replace(fresh, **changes)


class _Body(msgspec.Struct, kw_only=True):
    type: str
    id: str | None = None
    delivery_id: str | None = None


def webhook_body(
    said: str, provider_invoice_id: str | None, *, delivery_id: str | None = None
) -> bytes:
    """Spell a webhook, also one about an invoice that the service does not hold."""
    return msgspec.json.encode(_Body(type=said, id=provider_invoice_id, delivery_id=delivery_id))


def about(body: bytes) -> str:
    """Give the id of the invoice that a webhook is about."""
    return msgspec.json.decode(body, type=_Body).id or ""


class ScriptedProvider:
    """Implements ``ports.payments.PaymentProvider``.

    ``faults`` befall the next calls in turn; while ``is_down`` every call is unavailable; while
    ``is_stale`` a report stays what it was at the last ``reveal``. A lightning invoice is spelled
    ``pay:`` and its payment hash; ``pay_outcomes`` are what paying the next ones leads to, else it
    is sent. ``told_to_pay`` holds every hash it was told to pay, as often as it was.
    """

    def __init__(self) -> None:
        self.faults: deque[Fault | None] = deque()
        self.is_down = False
        self.is_stale = False
        self.orders: list[InvoiceOrder] = []
        self.asked: list[str] = []
        self.confirmed: set[str] = set()
        self.told_to_pay: list[str] = []
        self.pay_outcomes: deque[LightningStatus] = deque()
        self.payments: dict[str, LightningStatus] = {}
        self._truths: dict[str, Truth] = {}
        self._numbers = count(1)

    # --- the port -------------------------------------------------------------------------------

    def create_invoice(self, order: InvoiceOrder) -> ProviderInvoice:
        fault = self._fault("create invoice")
        report = ProviderReport(status=ProviderStatus.PENDING, price=order.price, raw_status="New")
        truth = Truth(id=f"p-{next(self._numbers)}", order=order, report=report, shown=report)
        self._truths[truth.id] = truth
        self.orders.append(order)
        self._lose(fault, "create invoice")
        return self._created(truth)

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        fault = self._fault("read invoice")
        self.asked.append(provider_invoice_id)
        truth = self._truths.get(provider_invoice_id)
        if truth is None:
            raise ProviderRefused("read invoice", "not_found")
        if not self.is_stale:
            truth.shown = truth.report
        self._lose(fault, "read invoice")
        if truth.shown.status is ProviderStatus.SETTLED:
            self.confirmed.add(truth.order.invoice_id)
        return truth.shown

    def find_by_external_id(self, invoice_id: InvoiceId) -> ProviderInvoice | None:
        fault = self._fault("find invoice")
        found = self.truths_of(invoice_id)
        self._lose(fault, "find invoice")
        return self._created(found[-1]) if found else None

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
        if headers.get("x-signature") != SIGNATURE["x-signature"]:
            raise NotAuthentic
        try:
            read = msgspec.json.decode(body, type=_Body)
        except msgspec.DecodeError:
            raise NotAuthentic from None
        claims = {status.value: status for status in ProviderStatus}
        return ProviderNotice(
            type=read.type,
            provider_invoice_id=read.id,
            delivery_id=read.delivery_id,
            claim=claims.get(read.type),
        )

    def probe(self) -> None:
        self._lose(self._fault("probe"), "probe")

    def pay_bolt11(self, bolt11: str) -> LightningPayment:
        fault = self._fault("pay bolt11")
        payment_hash = bolt11.removeprefix("pay:")
        self.told_to_pay.append(payment_hash)
        outcome = self.pay_outcomes.popleft() if self.pay_outcomes else LightningStatus.SENT
        self.payments[payment_hash] = outcome
        self._lose(fault, "pay bolt11")
        return LightningPayment(status=outcome, payment_hash=payment_hash)

    def lightning_payment(self, payment_hash: str) -> LightningPayment:
        fault = self._fault("read lightning payment")
        status = self.payments.get(payment_hash)
        if status is None:
            raise ProviderRefused("read lightning payment", "not_found")
        self._lose(fault, "read lightning payment")
        return LightningPayment(status=status, payment_hash=payment_hash)

    # --- the script -----------------------------------------------------------------------------

    def truths_of(self, invoice_id: str) -> list[Truth]:
        """Every invoice the service holds for one of ours, oldest first."""
        return [truth for truth in self._truths.values() if truth.order.invoice_id == invoice_id]

    def truth_of(self, invoice_id: str) -> Truth:
        (truth,) = self.truths_of(invoice_id)
        return truth

    def truths(self) -> list[Truth]:
        """Every invoice the service holds, oldest first."""
        return list(self._truths.values())

    def truth_at(self, provider_invoice_id: str) -> Truth:
        return self._truths[provider_invoice_id]

    def pay(self, invoice_id: str, **changes: object) -> None:
        self._set(invoice_id, ProviderStatus.SETTLED, "Settled", **changes)

    def expire(self, invoice_id: str, *, paid_sats: int = 0) -> None:
        paid = Money(currency=Currency.SAT, amount=paid_sats)
        self._set(invoice_id, ProviderStatus.EXPIRED, "Expired", paid=paid)

    def invalidate(self, invoice_id: str) -> None:
        self._set(invoice_id, ProviderStatus.INVALID, "Invalid")

    def pay_late(self, invoice_id: str, *, is_final: bool = False) -> None:
        """Full payment after expiry: waits for someone to mark it settled."""
        self._set(
            invoice_id,
            ProviderStatus.EXPIRED,
            "Expired (paid late)",
            is_paid_late=True,
            is_late_final=is_final,
        )

    def process_late(self, invoice_id: str) -> None:
        """Money seen for what had expired here, and not final yet."""
        self._set(invoice_id, ProviderStatus.PENDING, "Processing", is_processing=True)

    def mark_settled(self, invoice_id: str) -> None:
        self._set(invoice_id, ProviderStatus.SETTLED, "Settled (marked)", marked_by_hand=True)

    def refund(self, invoice_id: str) -> None:
        self._set(invoice_id, ProviderStatus.REFUNDED, "Refunded")

    def forget(self, invoice_id: str) -> None:
        """Lose the invoice: asking for it is refused with ``not_found``."""
        for truth in self.truths_of(invoice_id):
            del self._truths[truth.id]

    def webhook_of(
        self, invoice_id: str, *, said: str = "settled", delivery_id: str | None = None
    ) -> bytes:
        """Spell the body of a webhook about an invoice."""
        return webhook_body(said, self.truth_of(invoice_id).id, delivery_id=delivery_id)

    def _set(
        self, invoice_id: str, status: ProviderStatus, raw_status: str, **changes: object
    ) -> None:
        self.truths_of(invoice_id)[-1].turn(status, raw_status, **changes)

    def _created(self, truth: Truth) -> ProviderInvoice:
        return ProviderInvoice(
            provider_invoice_id=truth.id, checkout_url=f"https://pay.example/i/{truth.id}"
        )

    def _fault(self, operation: str) -> Fault | None:
        fault = self.faults.popleft() if self.faults else None
        if self.is_down or fault is Fault.UNAVAILABLE:
            raise ProviderUnavailable(operation, "scripted")
        if fault is Fault.REFUSED:
            raise ProviderRefused(operation, "auth")
        return fault

    def _lose(self, fault: Fault | None, operation: str) -> None:
        if fault is Fault.LOST:
            raise ProviderUnavailable(operation, "the answer was lost")


class ScriptedProviders:
    """Implements ``ports.payments.PaymentProviders`` with one provider, unless it is not loaded."""

    def __init__(self, provider: ScriptedProvider) -> None:
        self.provider = provider
        self.is_loaded = True
        self.loaded = frozenset({ProviderKind.SANDBOX, ProviderKind.BTCPAY})

    def kinds(self) -> frozenset[ProviderKind]:
        return self.loaded if self.is_loaded else frozenset()

    def provider_for(self, account: ProviderAccount) -> ScriptedProvider:
        if not self.is_loaded:
            raise ProviderNotLoaded(account.kind, "load it")
        return self.provider
