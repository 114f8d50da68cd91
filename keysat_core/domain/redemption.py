"""Redemptions: one use of a code by one invoice, from the slot it holds to the license (lifecycles 6.4)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from keysat_core.domain.code import Code
from keysat_core.domain.ids import CodeId, InvoiceId, LicenseId, RedemptionId
from keysat_core.domain.instant import Instant
from keysat_core.domain.text import checked_range
from keysat_core.errors import IllegalTransition
from keysat_core.limits import AMOUNT_MAX


class RedemptionStatus(StrEnum):
    """A use that is pending or redeemed is counted in its code's ``used_count``."""

    PENDING = "pending"
    REDEEMED = "redeemed"
    CANCELLED = "cancelled"


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a code. At most one for each invoice; ``license_id`` is there once redeemed."""

    id: RedemptionId
    code_id: CodeId
    invoice_id: InvoiceId
    license_id: LicenseId | None = None
    status: RedemptionStatus = RedemptionStatus.PENDING
    discount_applied_sats: int
    base_price_sats: int
    final_price_sats: int
    created_at: Instant
    updated_at: Instant

    def __post_init__(self) -> None:
        for field in ("discount_applied_sats", "base_price_sats", "final_price_sats"):
            checked_range(getattr(self, field), field=field, low=0, high=AMOUNT_MAX)


class Redeem(msgspec.Struct, frozen=True, kw_only=True, tag="redeem"):
    """The license was issued."""

    license_id: LicenseId


class Withdraw(msgspec.Struct, frozen=True, kw_only=True, tag="withdraw"):
    """The sale ended unpaid, or its invoice can no longer be paid."""


RedemptionEvent: TypeAlias = Redeem | Withdraw

_PENDING, _REDEEMED = RedemptionStatus.PENDING, RedemptionStatus.REDEEMED
_CANCELLED = RedemptionStatus.CANCELLED

TRANSITIONS: Final[Mapping[tuple[RedemptionStatus, type[RedemptionEvent]], RedemptionStatus]] = {
    (_PENDING, Redeem): _REDEEMED,
    (_PENDING, Withdraw): _CANCELLED,
    (_CANCELLED, Redeem): _REDEEMED,
    (_CANCELLED, Withdraw): _CANCELLED,
}
"""A sale that is paid after all redeems what was cancelled (D17); what is redeemed stays so."""


class CodeUse(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption together with its code, whose count it changes."""

    redemption: Redemption
    code: Code


def advance(use: CodeUse, event: RedemptionEvent, *, now: Instant) -> CodeUse:
    """Apply an event to a use and to its code's count; one that changes nothing gives the same.

    Raises:
        IllegalTransition: the table has no such step.
    """
    before = use.redemption
    status = TRANSITIONS.get((before.status, type(event)))
    if status is None:
        raise IllegalTransition("redemption", before.status, type(event).__name__.lower())
    if status is before.status:
        return use
    code = use.code
    if status is _CANCELLED:
        code = code.release()
    elif before.status is _CANCELLED:
        code = code.take()
    after = msgspec.structs.replace(before, status=status, updated_at=now)
    if isinstance(event, Redeem):
        after = msgspec.structs.replace(after, license_id=event.license_id)
    return CodeUse(redemption=after, code=code)
