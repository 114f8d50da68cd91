"""Tips: the share of a sale that goes to a lightning address, once per issued license.

Source: payments 13, lifecycles 14.3. A tip is reserved with its license and paid afterwards. It is
paid at most once: what may have been paid is only ever asked about, never paid again.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

import msgspec

from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, TipId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.lightning import MSAT_PER_SAT
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, asked_through
from keysat_core.domain.payment import LightningPayment, LightningStatus
from keysat_core.domain.policy import Policy
from keysat_core.domain.text import checked_range
from keysat_core.errors import IllegalTransition, InvariantError, ProviderRefused
from keysat_core.limits import (
    AMOUNT_MAX,
    OFFSET_MAX,
    TIP_BPS_MAX,
    TIP_DETAIL_CHARS_MAX,
    TIP_SATS_MAX,
    TIPS_PAGE_DEFAULT,
    TIPS_PAGE_MAX,
)

BPS_PER_WHOLE: Final = 10_000

CAP_SECONDS: Final = DAY_SECONDS
"""The daily cap counts what was paid within so long."""

LOOK_SECONDS: Final = (10, 30, 60, 120, 300, 600, 1_800, HOUR_SECONDS, 6 * HOUR_SECONDS)
"""Pauses between questions about a payment whose outcome is unknown; the last for ever."""

LOOK_ON_SECONDS: Final = 15 * DAY_SECONDS
LOOKS_MAX: Final = 60
"""A payment stuck on its way comes back within two weeks; after so long, and as many questions as
belong to it, only the operator can tell."""

UNTRIED_SECONDS: Final = 600
UNTRIED_LOOKS: Final = 5
"""An account that still does not know a payment then was never told to pay it. The questions count
too, because a clock may leap."""

_CAP_CHARS_MAX: Final = 20
"""Room for more sats than there are."""

PAYING_KINDS: Final = frozenset({ProviderKind.BTCPAY})
"""Accounts that can pay an invoice at all (payments 1.1). Pretend money leaves no shop."""


class TipStatus(StrEnum):
    """State of a tip. ``pending`` and ``paying`` are told apart because only the first may be begun."""

    PENDING = "pending"
    PAYING = "paying"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"


class TipAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One tip, on the terms its policy had when the license was issued.

    ``detail`` says why it is not sent. ``payment_hash``, ``bolt11`` and ``tried_at`` are set when
    paying begins. ``looks`` counts questions about the outcome; ``next_at`` is when there is
    something to do, None when there is not. ``invoice_id`` None: from an old database.
    """

    id: TipId
    license_id: LicenseId
    policy_id: PolicyId
    invoice_id: InvoiceId | None = None
    recipient: str
    amount_sats: int
    pct_bps: int
    label: str | None = None
    status: TipStatus = TipStatus.PENDING
    detail: str | None = None
    payment_hash: str | None = None
    bolt11: str | None = None
    looks: int = 0
    tried_at: Instant | None = None
    next_at: Instant | None = None
    created_at: Instant
    updated_at: Instant

    def __post_init__(self) -> None:
        checked_range(self.amount_sats, field="amount_sats", low=0, high=AMOUNT_MAX)
        checked_range(self.pct_bps, field="pct_bps", low=0, high=TIP_BPS_MAX)
        if self.detail is not None and len(self.detail) > TIP_DETAIL_CHARS_MAX:
            raise InvariantError("detail", f"must have at most {TIP_DETAIL_CHARS_MAX} characters")

    @property
    def amount_msat(self) -> int:
        """What the recipient is to receive, in millisatoshis."""
        return self.amount_sats * MSAT_PER_SAT


class TipFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tips: every given field must match. Newest first."""

    license_id: LicenseId | None = None
    recipient: str | None = None
    limit: int = TIPS_PAGE_DEFAULT
    offset: int = 0

    def __post_init__(self) -> None:
        checked_range(self.limit, field="limit", low=1, high=TIPS_PAGE_MAX)
        checked_range(self.offset, field="offset", low=0, high=OFFSET_MAX)


# --- state machine ------------------------------------------------------------------------------


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """The invoice was verified and is about to be paid; from here on it may have been."""

    bolt11: str
    payment_hash: str


class Deliver(msgspec.Struct, frozen=True, kw_only=True, tag="deliver"):
    """The provider says that it was paid."""


class Fail(msgspec.Struct, frozen=True, kw_only=True, tag="fail"):
    """Nothing was paid, and nothing will be."""

    reason: str


class Skip(msgspec.Struct, frozen=True, kw_only=True, tag="skip"):
    """A rule of ours says not to pay it."""

    reason: str


TipEvent: TypeAlias = Begin | Deliver | Fail | Skip

_PENDING, _PAYING = TipStatus.PENDING, TipStatus.PAYING
_SENT, _FAILED, _SKIPPED = TipStatus.SENT, TipStatus.FAILED, TipStatus.SKIPPED

TRANSITIONS: Final[Mapping[tuple[TipStatus, type[TipEvent]], TipStatus]] = {
    (_PENDING, Begin): _PAYING,
    (_PENDING, Skip): _SKIPPED,
    (_PENDING, Fail): _FAILED,
    (_PAYING, Deliver): _SENT,
    (_PAYING, Fail): _FAILED,
    (_SENT, Deliver): _SENT,
    (_SENT, Fail): _SENT,
    (_FAILED, Deliver): _SENT,
    (_FAILED, Fail): _FAILED,
}
"""Nothing leads back to ``pending``, so a tip is begun once. A payment that was given up too early
and arrived all the same is ``sent``, which is never left."""


def advance(tip: TipAttempt, event: TipEvent, *, now: Instant) -> TipAttempt:
    """Apply an event; one that leads to the same state changes nothing.

    Raises:
        IllegalTransition: the table has no such step.
    """
    status = TRANSITIONS.get((tip.status, type(event)))
    if status is None:
        raise IllegalTransition("tip", tip.status, type(event).__name__.lower())
    if status is tip.status:
        return tip
    changed = msgspec.structs.replace(tip, status=status, detail=None, next_at=None, updated_at=now)
    match event:
        case Begin(bolt11=bolt11, payment_hash=payment_hash):
            return msgspec.structs.replace(
                changed,
                bolt11=bolt11,
                payment_hash=payment_hash,
                tried_at=now,
                next_at=Instant(now + LOOK_SECONDS[1]),
            )
        case Fail(reason=reason) | Skip(reason=reason):
            return msgspec.structs.replace(changed, detail=detail_of(reason))
        case Deliver():
            return changed
        case _:
            assert_never(event)


def detail_of(text: str) -> str:
    """Make words from outside fit to be kept: printable, and no longer than the limit."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain[:TIP_DETAIL_CHARS_MAX]


# --- what a sale leaves and an answer means -----------------------------------------------------


def tip_of_sale(
    tip_id: TipId, license: License, invoice: Invoice, policy: Policy | None, now: Instant
) -> TipAttempt | None:
    """Reserve the tip of a license that a sale issues; None when nobody is to be tipped.

    Source: payments 13: of what was paid, whole sats rounded down. Renewals and tier changes issue
    nothing, and what costs nothing tips nothing.
    """
    if policy is None or policy.tip is None or invoice.is_free:
        return None
    tip = TipAttempt(
        id=tip_id,
        license_id=license.id,
        policy_id=policy.id,
        invoice_id=invoice.id,
        recipient=policy.tip.recipient,
        amount_sats=invoice.amount_sats * policy.tip.pct_bps // BPS_PER_WHOLE,
        pct_bps=policy.tip.pct_bps,
        label=policy.tip.label,
        next_at=now,
        created_at=now,
        updated_at=now,
    )
    if tip.amount_sats <= 0:
        return advance(tip, Skip(reason="the share is less than 1 sat"), now=now)
    if tip.amount_sats > TIP_SATS_MAX:
        return advance(tip, Skip(reason=f"the share is above {TIP_SATS_MAX} sats"), now=now)
    return tip


def payer_of(
    account: ProviderAccount, connected: Iterable[ProviderAccount]
) -> ProviderAccount | None:
    """The account that collected a sale, or the one its store was connected as since."""
    if account.is_connected:
        return account
    return next((other for other in connected if asked_through(account, other)), None)


def refusal_of_payer(account: ProviderAccount | None) -> Fail | None:
    """Say why the account that was paid cannot tip; None when it can."""
    if account is None:
        return Fail(reason="the account that was paid is not connected any more")
    if account.kind not in PAYING_KINDS:
        return Fail(reason=f"unsupported: a {account.kind} account cannot pay lightning invoices")
    return None


def read_cap(text: str | None) -> int | None:
    """Read the daily cap in sats; None for no cap. What nobody can read lets nothing through."""
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= _CAP_CHARS_MAX
    return int(text) if is_number else 0


def refusal_by_cap(tip: TipAttempt, spent_sats: int, cap_sats: int | None) -> Skip | None:
    """Say that a tip would exceed the daily cap; None when it does not."""
    if cap_sats is None or spent_sats + tip.amount_sats <= cap_sats:
        return None
    return Skip(reason=f"over the daily cap of {cap_sats} sats")


def after_answer(tip: TipAttempt, payment: LightningPayment, now: Instant) -> TipAttempt:
    """Do what an account's answer asks for; one that decides nothing is asked for again."""
    match payment.status:
        case LightningStatus.SENT:
            return advance(tip, Deliver(), now=now)
        case LightningStatus.FAILED:
            return advance(tip, Fail(reason=payment.detail or "the payment failed"), now=now)
        case LightningStatus.PENDING:
            return look_again(tip, payment.detail or "the payment is on its way", now)
        case _:
            assert_never(payment.status)


def after_unknown_hash(tip: TipAttempt, refusal: ProviderRefused, now: Instant) -> TipAttempt:
    """Judge a refusal to say what became of a payment.

    An account that does not know the payment never tried it, unless it is only just being told to.
    Any other refusal says nothing of the payment.
    """
    if refusal.problem == "not_found" and _is_older(tip, UNTRIED_SECONDS, UNTRIED_LOOKS, now):
        return advance(tip, Fail(reason="the account never tried to pay it"), now=now)
    return look_again(tip, str(refusal), now)


def look_again(tip: TipAttempt, detail: str, now: Instant) -> TipAttempt:
    """Wait longer each time for the outcome of a payment, and in the end for the operator."""
    if tip.status is not TipStatus.PAYING:
        return tip
    is_over = _is_older(tip, LOOK_ON_SECONDS, LOOKS_MAX, now)
    pause = LOOK_SECONDS[min(tip.looks, len(LOOK_SECONDS) - 1)]
    said = f"unknown, look at your node: {detail}" if is_over else f"unknown yet: {detail}"
    return msgspec.structs.replace(
        tip,
        detail=detail_of(said),
        looks=tip.looks + 1,
        next_at=None if is_over else Instant(now + pause),
        updated_at=now,
    )


def _is_older(tip: TipAttempt, seconds: int, looks: int, now: Instant) -> bool:
    is_old = tip.tried_at is not None and now - tip.tried_at >= seconds
    return is_old and tip.looks >= looks
