"""Invoices: the state machine, the price snapshot, and what a provider's report does to one.

Source: lifecycles 7, payments 9.3 and 11.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

import msgspec

from keysat_core.domain.ids import InvoiceId, PolicyId, ProductId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import ProviderReport, ProviderStatus, Rail
from keysat_core.domain.text import checked_range
from keysat_core.errors import IllegalTransition
from keysat_core.limits import AMOUNT_MAX

FREE_PREFIX: Final = "free-"
"""A free invoice's provider id is this and its own id (lifecycles 7.1)."""


class InvoiceStatus(StrEnum):
    """The only states clients ever see (public-api 6.2)."""

    PENDING = "pending"
    SETTLED = "settled"
    EXPIRED = "expired"
    INVALID = "invalid"


class SettledBy(StrEnum):
    """On whose word an invoice was settled."""

    PROVIDER = "provider"
    """Its provider said that it is."""

    LATE_PAYMENT = "late_payment"
    """Its provider said paid in full, only too late, and the seller takes such payments."""

    OPERATOR = "operator"
    """The seller said so."""


class Attention(StrEnum):
    """Why an operator should look at an invoice (payments 6.5, decisions 17 and 18)."""

    PAID_LATE = "paid_late"
    PARTIAL_PAYMENT = "partial_payment"
    PROCESSING_AFTER_EXPIRY = "processing_after_expiry"
    PROVIDER_DISCONNECTED = "provider_disconnected"
    PROVIDER_REVERSED = "provider_reversed"
    WITHOUT_EFFECT = "without_effect"
    """Settled and nothing delivered. It follows from the row, so no row carries it."""


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """One sale. The price is frozen here; license terms are read from the policy at settlement.

    ``provider_invoice_id`` is None between opening the purchase and recording the provider's
    answer. ``listed_*`` and ``exchange_rate_*`` are None for sales priced in sats.
    ``effect_at`` is when the sale's single effect was applied. ``settled_by`` is None while it is
    not settled and when nothing was to be paid. ``noted_attention`` is what the last report left to
    the operator; ``attention`` is what there is to look at now. ``held_at``: it was settled by an
    earlier server that delivered nothing, and is delivered on its operator's word alone (lifecycles
    13.2); when it was found.
    """

    id: InvoiceId
    product_id: ProductId
    policy_id: PolicyId | None = None
    status: InvoiceStatus = InvoiceStatus.PENDING
    amount_sats: int
    base_price_sats: int
    listed_currency: Currency | None = None
    listed_value: int | None = None
    exchange_rate_centibps: int | None = None
    exchange_rate_source: str | None = None
    buyer_email: str | None = None
    buyer_note: str | None = None
    rail: Rail | None = None
    redirect_url: str = ""
    provider_account_id: ProviderAccountId | None = None
    provider_invoice_id: str | None = None
    provider_status_raw: str | None = None
    checkout_url: str = ""
    created_at: Instant
    updated_at: Instant
    settled_at: Instant | None = None
    effect_at: Instant | None = None
    last_checked_at: Instant | None = None
    settled_by: SettledBy | None = None
    noted_attention: Attention | None = None
    held_at: Instant | None = None

    def __post_init__(self) -> None:
        checked_range(self.amount_sats, field="amount_sats", low=0, high=AMOUNT_MAX)

    @property
    def is_free(self) -> bool:
        """Nothing was ever to be paid."""
        return self.amount_sats == 0

    @property
    def listed(self) -> Money:
        """What it was listed at: in sats its own amount."""
        if self.listed_currency is None or self.listed_value is None:
            return Money(currency=Currency.SAT, amount=self.amount_sats)
        return Money(currency=self.listed_currency, amount=self.listed_value)

    @property
    def attention(self) -> Attention | None:
        """Why an operator should look at it; None: there is no reason to."""
        if self.status is InvoiceStatus.SETTLED and self.effect_at is None:
            return Attention.WITHOUT_EFFECT
        return self.noted_attention


# --- state machine (lifecycles 7.1) -------------------------------------------------------------


class Settle(msgspec.Struct, frozen=True, kw_only=True, tag="settle"):
    """The provider confirmed the payment, the seller said so, or nothing was to be paid."""


class Expire(msgspec.Struct, frozen=True, kw_only=True, tag="expire"):
    """The provider confirmed that the time to pay has passed."""


class Invalidate(msgspec.Struct, frozen=True, kw_only=True, tag="invalidate"):
    """The provider will not settle this invoice, or never created it."""


InvoiceEvent: TypeAlias = Settle | Expire | Invalidate

_PENDING, _SETTLED = InvoiceStatus.PENDING, InvoiceStatus.SETTLED
_EXPIRED, _INVALID = InvoiceStatus.EXPIRED, InvoiceStatus.INVALID

TRANSITIONS: Final[Mapping[tuple[InvoiceStatus, type[InvoiceEvent]], InvoiceStatus]] = {
    (_PENDING, Settle): _SETTLED,
    (_PENDING, Expire): _EXPIRED,
    (_PENDING, Invalidate): _INVALID,
    (_EXPIRED, Settle): _SETTLED,
    (_EXPIRED, Expire): _EXPIRED,
    (_EXPIRED, Invalidate): _EXPIRED,
    (_INVALID, Settle): _SETTLED,
    (_INVALID, Expire): _INVALID,
    (_INVALID, Invalidate): _INVALID,
    (_SETTLED, Settle): _SETTLED,
    (_SETTLED, Expire): _SETTLED,
    (_SETTLED, Invalidate): _SETTLED,
}
"""A late payment is honoured; ``settled`` is absorbing, whatever a provider says later (D11)."""


def advance(invoice: Invoice, event: InvoiceEvent, *, now: Instant) -> Invoice:
    """Apply an event; one that leads to the same state changes nothing.

    Raises:
        IllegalTransition: the table has no such step.
    """
    status = TRANSITIONS.get((invoice.status, type(event)))
    if status is None:
        raise IllegalTransition("invoice", invoice.status, type(event).__name__.lower())
    if status is invoice.status:
        return invoice
    settled_at = now if status is InvoiceStatus.SETTLED else None
    return msgspec.structs.replace(invoice, status=status, updated_at=now, settled_at=settled_at)


def event_of(report: ProviderReport) -> InvoiceEvent | None:
    """Translate a provider's report; None when it decides nothing.

    A refund never undoes anything by itself (decisions 18), so it only invalidates what is pending.
    """
    match report.status:
        case ProviderStatus.SETTLED:
            return Settle()
        case ProviderStatus.EXPIRED:
            return Expire()
        case ProviderStatus.INVALID:
            return Invalidate()
        case ProviderStatus.REFUNDED | ProviderStatus.PENDING:
            return None
        case _:
            assert_never(report.status)


def is_partial_payment(report: ProviderReport) -> bool:
    """The time to pay is over and only a part arrived (payments 6.5)."""
    has_money = report.paid is not None and report.paid.amount > 0
    return report.status is ProviderStatus.EXPIRED and has_money and not report.is_paid_late


def is_withdrawn(invoice: Invoice, report: ProviderReport) -> bool:
    """The provider gave the money back, or takes back that it was ever paid (decisions 18).

    It takes back only what it had said: of a payment taken late it had said ``expired`` all along,
    and of an invoice settled by hand perhaps nothing.
    """
    was_paid = invoice.status is InvoiceStatus.SETTLED and not invoice.is_free
    is_lost = report.status in _TAKING_BACK[invoice.settled_by]
    return report.status is ProviderStatus.REFUNDED or (was_paid and is_lost)


_TAKING_BACK: Final[Mapping[SettledBy | None, frozenset[ProviderStatus]]] = {
    None: frozenset({ProviderStatus.EXPIRED, ProviderStatus.INVALID}),
    SettledBy.PROVIDER: frozenset({ProviderStatus.EXPIRED, ProviderStatus.INVALID}),
    SettledBy.LATE_PAYMENT: frozenset({ProviderStatus.INVALID}),
    SettledBy.OPERATOR: frozenset(),
}
"""Which report contradicts a settlement. None: settled before this was written down."""


def is_reversal(invoice: Invoice, report: ProviderReport) -> bool:
    """The provider says less than it had said: kept as it is, but told to the operator.

    Source: payments 9.3: any other report of a settled invoice, and money seen for an ended one.
    """
    if invoice.status is InvoiceStatus.SETTLED:
        if invoice.settled_by in {SettledBy.LATE_PAYMENT, SettledBy.OPERATOR}:
            return is_withdrawn(invoice, report)
        return report.status is not ProviderStatus.SETTLED and not invoice.is_free
    is_ended = invoice.status is not InvoiceStatus.PENDING
    return report.status is ProviderStatus.REFUNDED or (is_ended and report.is_processing)


def mismatched_amount(invoice: Invoice, report: ProviderReport) -> Money | None:
    """The provider's own price when it differs from ours; advisory, never a refusal.

    A price in sats is compared with our amount, one in the listed currency with the listed value.
    Source: lifecycles 7.1, payments 6.5: a price in another currency, or none, gives no opinion.
    """
    price = report.price
    if price is None:
        return None
    ours = Money(currency=Currency.SAT, amount=invoice.amount_sats)
    if price.currency is not Currency.SAT:
        ours = invoice.listed
    return price if price.currency is ours.currency and price.amount != ours.amount else None
