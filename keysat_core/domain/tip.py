"""Tips: the share of a sale that goes to a lightning address, once per issued license.

Source: payments 13, lifecycles 14.3. A tip is reserved with its license and paid afterwards. It is
paid at most once: what may have been paid is only ever asked about, never paid again.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

import msgspec

from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, TipId
from keysat_core.domain.instant import HOUR_SECONDS, Instant
from keysat_core.domain.lightning import MSAT_PER_SAT
from keysat_core.domain.text import checked_range
from keysat_core.errors import IllegalTransition, InvariantError
from keysat_core.limits import (
    AMOUNT_MAX,
    OFFSET_MAX,
    TIP_BPS_MAX,
    TIP_DETAIL_CHARS_MAX,
    TIPS_PAGE_DEFAULT,
    TIPS_PAGE_MAX,
)

LOOK_SECONDS: Final = (10, 30, 60, 120, 300, 600, 1_800, HOUR_SECONDS, 6 * HOUR_SECONDS)
"""Pauses between questions about a payment whose outcome is unknown; the last for ever."""


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
    policy_id: PolicyId | None = None
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
