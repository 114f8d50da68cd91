"""What comes of charging a saved profile, as a test writes it.

That the call is understood, that money moves and what the answer says are three different things.
"""

from dataclasses import dataclass
from typing import Final

from tests.simulators.zaprite.order import PAID_STATUSES

ABSENT: Final = object()
"""As ``status``: leave the field out of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOutcome:
    """How one charge call ends.

    Attributes:
        http_status: Of the answer.
        status: The answer's ``status`` when it is a 200: any JSON value, or ``ABSENT``.
        moves_money: Whether the card is charged.
        settles_after: Seconds until the money is booked; None books it before the answer.
        order_status: What the order's own status becomes; None leaves it to the payments.
        hangs: Whether the call is never answered.
    """

    http_status: int = 200
    status: object = "PAID"
    moves_money: bool = True
    settles_after: int | None = None
    order_status: str | None = None
    hangs: bool = False


CHARGED: Final = ChargeOutcome()
TIMEOUT_BEFORE_CHARGING: Final = ChargeOutcome(hangs=True, moves_money=False)
TIMEOUT_AFTER_CHARGING: Final = ChargeOutcome(hangs=True)


def answered(status: object) -> ChargeOutcome:
    """Answer 200 with a status, which is any JSON value or ``ABSENT``.

    Money moves only with one of the paid statuses, which the order's own then is too.
    """
    is_paid = isinstance(status, str) and status in PAID_STATUSES
    order_status = status if is_paid and isinstance(status, str) else None
    return ChargeOutcome(status=status, moves_money=is_paid, order_status=order_status)


def refused(http_status: int) -> ChargeOutcome:
    """Refuse with an error, such as 400, 402, 404 or 500; no money moves."""
    return ChargeOutcome(http_status=http_status, moves_money=False)
