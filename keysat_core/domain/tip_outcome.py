"""What became of a tip's payment: only asked about, and in the end left to the operator.

Source: payments 13, lifecycles 14.3.
"""

from typing import Final, assert_never

import msgspec

from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.payment import LightningPayment, LightningStatus
from keysat_core.domain.tip import (
    LOOK_SECONDS,
    Deliver,
    Fail,
    TipAttempt,
    TipStatus,
    advance,
    detail_of,
)
from keysat_core.errors import ProviderRefused

LOOK_ON_SECONDS: Final = 15 * DAY_SECONDS
LOOKS_MAX: Final = 60
"""A payment stuck on its way comes back within two weeks; after so long, and as many questions as
belong to it, only the operator can tell."""

UNTRIED_SECONDS: Final = 600
UNTRIED_LOOKS: Final = 5
"""An account that still does not know a payment then was never told to pay it. The questions count
too, because a clock may leap."""


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
