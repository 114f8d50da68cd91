"""A pretend invoice and its state machine, as BTCPay Server would move a real one.

States are spelled ``status`` or ``status/additionalStatus``. Source: payments 6.4 and 6.5. Over
Lightning a payment is final at once; on the chain it is ``Processing`` until confirmed. Nobody
can overpay at this till, so ``PaidOver`` does not occur.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.payment import ProviderStatus, Rail
from keysat_core.errors import IllegalTransition
from keysat_core.ports.sandbox import PretendPayment

EXPIRY_SECONDS: Final = 900
"""Time to pay: 15 minutes, BTCPay's default (payments 6.3)."""

CONFIRMATION_SECONDS: Final = 600
"""A pretend block confirms an on-chain payment after 10 minutes, bitcoin's average."""


class InvoiceState(StrEnum):
    """``Settled/Refunded`` and ``Expired/Refunded`` are ours: BTCPay keeps refunds in a list beside."""

    NEW = "New"
    NEW_PAID_PARTIAL = "New/PaidPartial"
    PROCESSING = "Processing"
    SETTLED = "Settled"
    SETTLED_MARKED = "Settled/Marked"
    SETTLED_REFUNDED = "Settled/Refunded"
    EXPIRED = "Expired"
    EXPIRED_PAID_PARTIAL = "Expired/PaidPartial"
    EXPIRED_PAID_LATE = "Expired/PaidLate"
    EXPIRED_REFUNDED = "Expired/Refunded"
    INVALID_MARKED = "Invalid/Marked"


_S: Final = InvoiceState

PROVIDER_STATUS: Final[Mapping[InvoiceState, ProviderStatus]] = {
    _S.NEW: ProviderStatus.PENDING,
    _S.NEW_PAID_PARTIAL: ProviderStatus.PENDING,
    _S.PROCESSING: ProviderStatus.PENDING,
    _S.SETTLED: ProviderStatus.SETTLED,
    _S.SETTLED_MARKED: ProviderStatus.SETTLED,
    _S.SETTLED_REFUNDED: ProviderStatus.REFUNDED,
    _S.EXPIRED: ProviderStatus.EXPIRED,
    _S.EXPIRED_PAID_PARTIAL: ProviderStatus.EXPIRED,
    _S.EXPIRED_PAID_LATE: ProviderStatus.EXPIRED,
    _S.EXPIRED_REFUNDED: ProviderStatus.EXPIRED,
    _S.INVALID_MARKED: ProviderStatus.INVALID,
}


class InvoiceEvent(StrEnum):
    """What can happen to a pretend invoice: a hand at the till, or time passing."""

    PAY = "pay"
    PAY_ONCHAIN = "pay_onchain"
    CONFIRM = "confirm"
    UNDERPAY = "underpay"
    PAY_LATE = "pay_late"
    EXPIRE = "expire"
    REFUND = "refund"
    MARK_SETTLED = "mark_settled"
    MARK_INVALID = "mark_invalid"


class SandboxInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """A pretend invoice as the ledger keeps it. ``invoice_id`` is ours; ``paid_at`` the last payment."""

    id: str
    invoice_id: InvoiceId
    account_id: ProviderAccountId
    amount_sats: int
    paid_sats: int = 0
    rail: Rail | None = None
    status: InvoiceState = InvoiceState.NEW
    redirect_url: str
    created_at: Instant
    expires_at: Instant
    paid_at: Instant | None = None


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook to send: its type and the fields that only this type has."""

    type: str
    fields: Mapping[str, bool] = {}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice after something happened, and what the provider tells of it, in order."""

    invoice: SandboxInvoice
    webhooks: tuple[Webhook, ...] = ()


class _Payment(StrEnum):
    """How much money an event moves."""

    NOTHING = "nothing"
    HALF = "half"
    REST = "rest"


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    to: InvoiceState
    pays: _Payment = _Payment.NOTHING
    tells: tuple[Webhook, ...]


def _tell(type_: str, **fields: bool) -> Webhook:
    return Webhook(type=type_, fields=fields)


_RECEIVED: Final = _tell("InvoiceReceivedPayment", afterExpiration=False)
_PROCESSING: Final = _tell("InvoiceProcessing", overPaid=False)
_FINAL: Final = (
    _tell("InvoicePaymentSettled", afterExpiration=False),
    _tell("InvoiceSettled", manuallyMarked=False, overPaid=False),
)
_PAID: Final = _Step(to=_S.SETTLED, pays=_Payment.REST, tells=(_RECEIVED, _PROCESSING, *_FINAL))
_SEEN: Final = _Step(to=_S.PROCESSING, pays=_Payment.REST, tells=(_RECEIVED, _PROCESSING))
_CONFIRMED: Final = _Step(to=_S.SETTLED, tells=_FINAL)
_UNDERPAID: Final = _Step(to=_S.NEW_PAID_PARTIAL, pays=_Payment.HALF, tells=(_RECEIVED,))
_PAID_LATE: Final = _Step(
    to=_S.EXPIRED_PAID_LATE,
    pays=_Payment.REST,
    tells=(
        _tell("InvoiceReceivedPayment", afterExpiration=True),
        _tell("InvoicePaymentSettled", afterExpiration=True),
        _tell("InvoicePaidAfterExpiration"),
    ),
)
_EXPIRED: Final = _Step(to=_S.EXPIRED, tells=(_tell("InvoiceExpired", partiallyPaid=False),))
_EXPIRED_PARTIAL: Final = _Step(
    to=_S.EXPIRED_PAID_PARTIAL,
    tells=(_tell("InvoiceExpired", partiallyPaid=True), _tell("InvoiceExpiredPaidPartial")),
)
_MARKED_SETTLED: Final = _Step(
    to=_S.SETTLED_MARKED, tells=(_tell("InvoiceSettled", manuallyMarked=True, overPaid=False),)
)
_MARKED_INVALID: Final = _Step(
    to=_S.INVALID_MARKED, tells=(_tell("InvoiceInvalid", manuallyMarked=True),)
)
_SETTLED_REFUNDED: Final = _Step(to=_S.SETTLED_REFUNDED, tells=(_tell("InvoiceRefund"),))
_EXPIRED_REFUNDED: Final = _Step(to=_S.EXPIRED_REFUNDED, tells=(_tell("InvoiceRefund"),))

_E: Final = InvoiceEvent

TRANSITIONS: Final[Mapping[tuple[InvoiceState, InvoiceEvent], _Step]] = {
    (_S.NEW, _E.PAY): _PAID,
    (_S.NEW, _E.PAY_ONCHAIN): _SEEN,
    (_S.NEW, _E.UNDERPAY): _UNDERPAID,
    (_S.NEW, _E.EXPIRE): _EXPIRED,
    (_S.NEW, _E.MARK_SETTLED): _MARKED_SETTLED,
    (_S.NEW, _E.MARK_INVALID): _MARKED_INVALID,
    (_S.NEW_PAID_PARTIAL, _E.PAY): _PAID,
    (_S.NEW_PAID_PARTIAL, _E.PAY_ONCHAIN): _SEEN,
    (_S.NEW_PAID_PARTIAL, _E.UNDERPAY): _UNDERPAID,
    (_S.NEW_PAID_PARTIAL, _E.EXPIRE): _EXPIRED_PARTIAL,
    (_S.NEW_PAID_PARTIAL, _E.MARK_SETTLED): _MARKED_SETTLED,
    (_S.NEW_PAID_PARTIAL, _E.MARK_INVALID): _MARKED_INVALID,
    (_S.PROCESSING, _E.CONFIRM): _CONFIRMED,
    (_S.PROCESSING, _E.MARK_SETTLED): _MARKED_SETTLED,
    (_S.PROCESSING, _E.MARK_INVALID): _MARKED_INVALID,
    (_S.SETTLED, _E.REFUND): _SETTLED_REFUNDED,
    (_S.SETTLED_MARKED, _E.REFUND): _SETTLED_REFUNDED,
    (_S.SETTLED_MARKED, _E.MARK_INVALID): _MARKED_INVALID,
    (_S.EXPIRED, _E.PAY_LATE): _PAID_LATE,
    (_S.EXPIRED, _E.MARK_SETTLED): _MARKED_SETTLED,
    (_S.EXPIRED, _E.MARK_INVALID): _MARKED_INVALID,
    (_S.EXPIRED_PAID_PARTIAL, _E.PAY_LATE): _PAID_LATE,
    (_S.EXPIRED_PAID_PARTIAL, _E.REFUND): _EXPIRED_REFUNDED,
    (_S.EXPIRED_PAID_PARTIAL, _E.MARK_SETTLED): _MARKED_SETTLED,
    (_S.EXPIRED_PAID_PARTIAL, _E.MARK_INVALID): _MARKED_INVALID,
    (_S.EXPIRED_PAID_LATE, _E.REFUND): _EXPIRED_REFUNDED,
    (_S.EXPIRED_PAID_LATE, _E.MARK_SETTLED): _MARKED_SETTLED,
    (_S.EXPIRED_PAID_LATE, _E.MARK_INVALID): _MARKED_INVALID,
    (_S.INVALID_MARKED, _E.MARK_SETTLED): _MARKED_SETTLED,
}
"""A late payment never settles by itself; what is refunded stays so (payments 6.5)."""


def advance(invoice: SandboxInvoice, event: InvoiceEvent, *, now: Instant) -> Change:
    """Let one thing happen to an invoice.

    Raises:
        IllegalTransition: the table has no such step, or one sat is to be paid in part.
    """
    step = TRANSITIONS.get((invoice.status, event))
    due_sats = invoice.amount_sats - invoice.paid_sats
    if step is None or (step.pays is _Payment.HALF and due_sats <= 1):
        raise IllegalTransition("pretend invoice", invoice.status, event)
    if step.pays is _Payment.NOTHING:
        moved = msgspec.structs.replace(invoice, status=step.to)
    else:
        sats = due_sats if step.pays is _Payment.REST else due_sats // 2
        moved = msgspec.structs.replace(
            invoice, status=step.to, paid_sats=invoice.paid_sats + sats, paid_at=now
        )
    return Change(invoice=moved, webhooks=step.tells)


def let_time_pass(invoice: SandboxInvoice, *, now: Instant) -> Change:
    """Do what became due since the invoice was last looked at: expire, or confirm a payment."""
    match invoice.status:
        case InvoiceState.NEW | InvoiceState.NEW_PAID_PARTIAL if now >= invoice.expires_at:
            return advance(invoice, InvoiceEvent.EXPIRE, now=now)
        case InvoiceState.PROCESSING if now >= (invoice.paid_at or 0) + CONFIRMATION_SECONDS:
            return advance(invoice, InvoiceEvent.CONFIRM, now=now)
        case _:
            return Change(invoice=invoice)


def event_for(payment: PretendPayment, invoice: SandboxInvoice) -> InvoiceEvent:
    """Read what a hand at the till means; paying what is already seen on the chain confirms it."""
    if payment is not PretendPayment.PAY:
        return InvoiceEvent(payment.value)
    if invoice.status is InvoiceState.PROCESSING:
        return InvoiceEvent.CONFIRM
    return InvoiceEvent.PAY_ONCHAIN if invoice.rail is Rail.ONCHAIN else InvoiceEvent.PAY
