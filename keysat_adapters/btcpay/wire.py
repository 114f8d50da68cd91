"""What BTCPay Server says and is told, as values. Bytes and values only.

Source: BTCPay's Greenfield documents 2.0.6 and 2.4.1 (``invoices``, ``webhooks``, ``stores``,
``stores-payment-methods``, ``lightning.store``); payments 5 and 6.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from urllib.parse import quote

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    LightningStatus,
    ProviderReport,
    ProviderStatus,
    Rail,
)
from keysat_core.domain.rate import SATS_PER_BTC
from keysat_core.errors import InvariantError
from keysat_core.limits import INSTANT_MAX

PROBLEM_CHARS_MAX: Final = 1_000
"""How much of an error's text is looked at; less is kept."""

STATUSES: Final[Mapping[str, ProviderStatus]] = {
    "New": ProviderStatus.PENDING,
    "Processing": ProviderStatus.PENDING,
    "Settled": ProviderStatus.SETTLED,
    "Complete": ProviderStatus.SETTLED,
    "Expired": ProviderStatus.EXPIRED,
    "Invalid": ProviderStatus.INVALID,
}
"""``status`` of an invoice; any other decides nothing (payments 6.4)."""

SOURCE: Final = "keysat"
"""How our invoices are told from others at the same store (payments 6.3)."""

METHODS: Final[Mapping[Rail, str]] = {Rail.LIGHTNING: "BTC-LN", Rail.ONCHAIN: "BTC-CHAIN"}
"""What is preselected at the checkout; 2.x also reads the names of 1.x (payments 4.1)."""

PAYMENT_STATUSES: Final[Mapping[str, LightningStatus]] = {
    "Complete": LightningStatus.SENT,
    "Failed": LightningStatus.FAILED,
    "Pending": LightningStatus.PENDING,
    "Unknown": LightningStatus.PENDING,
}
"""``LightningPaymentStatus`` (lightning.common)."""


class CreatedInvoice(msgspec.Struct, frozen=True, rename="camel"):
    """``InvoiceData`` as far as an invoice's creation is concerned."""

    id: str
    checkout_link: str


class FoundInvoice(CreatedInvoice, frozen=True, rename="camel"):
    """``InvoiceData`` as far as it is chosen among others. It is of no use without its link."""

    status: str
    created_time: int | float = 0
    metadata: Any = None


class InvoiceData(msgspec.Struct, frozen=True, rename="camel"):
    """``InvoiceData`` as far as its state is concerned. Amounts are strings, once were numbers."""

    id: str
    status: str
    additional_status: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    paid_amount: Decimal | None = None


class PaymentData(msgspec.Struct, frozen=True, rename="camel"):
    """``Payment`` of an invoice's payment method: ``Invalid``, ``Processing`` or ``Settled``.

    ``value`` is in the method's own currency.
    """

    status: str | None = None
    value: Decimal | None = None


class PaymentMethodOfInvoice(msgspec.Struct, frozen=True, rename="camel"):
    """``InvoicePaymentMethodDataModel`` as far as its payments are concerned."""

    payment_method_id: str = ""
    payments: list[PaymentData] = []


class PaymentMethod(msgspec.Struct, frozen=True, rename="camel"):
    """``GenericPaymentMethodData``: a way a store is paid."""

    payment_method_id: str


class Address(msgspec.Struct, frozen=True):
    """``OnChainWalletAddressData``."""

    address: str


class StoreData(msgspec.Struct, frozen=True):
    """``StoreData`` as far as it is chosen."""

    id: str
    name: str | None = None


class WebhookData(msgspec.Struct, frozen=True):
    """``WebhookData``. Its secret is told only when it is made."""

    id: str
    url: str = ""
    enabled: bool = True


class WebhookDeliveryData(msgspec.Struct, frozen=True, rename="camel"):
    """``WebhookDeliveryData`` as far as it tells whether it arrived. Times are Unix seconds.

    ``timestamp`` is when it was made; ``delivery_time``, since 2.4, when it was sent.
    """

    id: str
    timestamp: int | float
    status: str
    http_code: int | None = None
    delivery_time: int | float | None = None

    @property
    def sent_at(self) -> Instant:
        """When it was sent, as far as it says."""
        at = self.timestamp if self.delivery_time is None else self.delivery_time
        return Instant(min(max(int(at), 0), INSTANT_MAX))


class APIKeyData(msgspec.Struct, frozen=True):
    """``ApiKeyData`` as far as what the key may do."""

    permissions: list[str] = []


class ServerInfo(msgspec.Struct, frozen=True):
    """``ApplicationServerInfoData``."""

    version: str


class LightningPaymentData(msgspec.Struct, frozen=True, rename="camel"):
    """``LightningPaymentData`` as far as its outcome is concerned."""

    status: str | None = None
    payment_hash: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """``ProblemDetails``: what every error but 422 answers with."""

    code: str = ""
    message: str = ""


class FieldProblem(msgspec.Struct, frozen=True):
    """One entry of ``ValidationProblemDetails``, which 422 answers with as an array."""

    path: str = ""
    message: str = ""


def segment(text: str) -> str:
    """Spell a value as one segment of a path."""
    return quote(text, safe="")


def invoice_request(order: InvoiceOrder, *, sends_buyer_email: bool) -> dict[str, Any]:
    """Spell ``CreateInvoiceRequest``. Braces are BTCPay's placeholders, so ours are escaped.

    Source: payments 6.3. Tolerance and confirmations stay as the store has them, and so does
    expiry unless the order says. The buyer's address is told only where the operator wants it.
    """
    metadata = {**order.metadata, "orderId": order.invoice_id, "source": SOURCE}
    if sends_buyer_email and order.buyer_email is not None:
        metadata["buyerEmail"] = order.buyer_email
    checkout: dict[str, Any] = {
        "redirectURL": order.redirect_url.replace("{", "%7B").replace("}", "%7D"),
        "redirectAutomatically": True,
    }
    method = METHODS.get(order.rail) if order.rail else None
    if method is not None:
        checkout["defaultPaymentMethod"] = method
    if order.pays_within_seconds is not None:
        checkout["expirationMinutes"] = -(-order.pays_within_seconds // 60)
    return {
        "amount": btc_text(order.price.amount),
        "currency": "BTC",
        "metadata": metadata,
        "checkout": checkout,
    }


def is_of(invoice: FoundInvoice, invoice_id: InvoiceId) -> bool:
    """Tell whether we made an invoice for this one of ours.

    Others make invoices at the store too, and where buyers choose an order id they choose any.
    """
    said = invoice.metadata if isinstance(invoice.metadata, dict) else {}
    return said.get("orderId") == invoice_id and said.get("source") == SOURCE


def btc_text(sats: int) -> str:
    """Spell sats as bitcoin with exactly eight decimals (payments 5)."""
    return f"{sats // SATS_PER_BTC}.{sats % SATS_PER_BTC:08d}"


def sats_of(amount: Decimal | None, currency: str | None) -> Money | None:
    """Read an amount of bitcoin, rounded half up; None for nothing and for other currencies."""
    if amount is None or currency != "BTC":
        return None
    try:
        sats = int((amount * SATS_PER_BTC).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    except (ArithmeticError, ValueError):
        # Decimals overflow by an error of their own.
        return None
    try:
        return Money(currency=Currency.SAT, amount=sats) if sats > 0 else None
    except InvariantError:
        return None


def report_of(
    invoice: InvoiceData, *, is_late_final: bool = False, paid: Money | None = None
) -> ProviderReport:
    """Say in our words how an invoice stands; ``paid`` where it does not say so itself."""
    additional = invoice.additional_status or "None"
    is_plain = additional == "None"
    return ProviderReport(
        status=STATUSES.get(invoice.status, ProviderStatus.PENDING),
        is_processing=invoice.status == "Processing",
        is_overpaid=additional == "PaidOver" or _is_overpaid(invoice),
        is_paid_late=is_paid_late(invoice),
        is_late_final=is_late_final,
        marked_by_hand=additional == "Marked",
        price=sats_of(invoice.amount, invoice.currency),
        paid=sats_of(invoice.paid_amount, invoice.currency) or paid,
        raw_status=invoice.status if is_plain else f"{invoice.status}/{additional}",
    )


def is_paid_late(invoice: InvoiceData) -> bool:
    """It was paid in full after it had expired, and waits for somebody to decide."""
    return invoice.status == "Expired" and invoice.additional_status == "PaidLate"


def _is_overpaid(invoice: InvoiceData) -> bool:
    """Compare what came with the price: ``Marked`` hides ``PaidOver``."""
    amount, paid = invoice.amount, invoice.paid_amount
    return amount is not None and paid is not None and paid > amount


def is_payment_untold(invoice: InvoiceData) -> bool:
    """Money came before it expired, and servers before 2.2 do not say how much (payments 6.12)."""
    is_partial = invoice.status == "Expired" and invoice.additional_status == "PaidPartial"
    return is_partial and invoice.paid_amount is None


def paid_in(methods: list[PaymentMethodOfInvoice]) -> Money | None:
    """Sum up the payments in bitcoin that were not taken back."""
    values = [
        payment.value
        for method in methods
        if method.payment_method_id.upper().startswith("BTC-")
        for payment in method.payments
        if payment.status != "Invalid" and payment.value is not None
    ]
    return sats_of(sum(values, Decimal(0)), "BTC")


def are_final(methods: list[PaymentMethodOfInvoice]) -> bool:
    """Every payment that counts is confirmed, and there is one."""
    statuses = [one.status for method in methods for one in method.payments]
    counting = [status for status in statuses if status != "Invalid"]
    return bool(counting) and all(status == "Settled" for status in counting)


def lightning_payment(payment: LightningPaymentData) -> LightningPayment:
    """Say in our words what became of a lightning payment; what is not clear is pending."""
    return LightningPayment(
        status=PAYMENT_STATUSES.get(payment.status or "", LightningStatus.PENDING),
        payment_hash=payment.payment_hash,
        detail=payment.status or "",
    )


def problem_text(status: int, body: bytes) -> str:
    """Give the code and the text of an error; a page that is not BTCPay's says nothing."""
    try:
        if status == 422:  # noqa: PLR2004  the one error that is a list
            problems = msgspec.json.decode(body, type=list[FieldProblem])
            said = "; ".join(f"{one.path}: {one.message}" for one in problems)
            return f"validation: {_plain(said)}" if said else "validation"
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return ": ".join(filter(None, (_plain(problem.code), _plain(problem.message))))


def _plain(text: str) -> str:
    """Leave nothing that a terminal or a log's reader would obey."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:PROBLEM_CHARS_MAX])
