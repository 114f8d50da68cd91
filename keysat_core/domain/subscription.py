"""Subscriptions: the state machine and the cycles, each paid by an invoice of its own (lifecycles 8)."""

from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Final, TypeAlias

import msgspec

from keysat_core.domain.ids import (
    CycleId,
    InvoiceId,
    LicenseId,
    MerchantProfileId,
    PolicyId,
    ProductId,
    ProviderAccountId,
    SubscriptionId,
)
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.money import Money
from keysat_core.domain.text import checked_range
from keysat_core.errors import IllegalTransition, InvariantError
from keysat_core.limits import GRACE_PERIOD_DAYS_MAX, RENEWAL_PERIOD_DAYS_MAX, SECONDS_MAX


class SubscriptionStatus(StrEnum):
    """What is stored. A trial is ``active`` before the first paid cycle (lifecycles 8.1)."""

    ACTIVE = "active"
    PAST_DUE = "past_due"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"


LIVE: Final = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE})
"""Subscriptions that are billed."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """The standing promise to pay for a license, one cycle after the other. One for each license.

    ``listed`` is the price of a cycle in the currency it was listed in, kept for life.
    ``next_renewal_at`` is the end of what is paid (or of the trial): from then on it is due.
    ``next_action_at`` is when a worker has to look at it; None: never again. ``license_grace_seconds``
    is the grace its license has by itself. ``account_id`` None: nobody collected for it yet.
    """

    id: SubscriptionId
    license_id: LicenseId
    product_id: ProductId
    policy_id: PolicyId
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE
    period_days: int
    grace_period_days: int = 0
    license_grace_seconds: int = 0
    listed: Money
    started_at: Instant
    next_renewal_at: Instant
    next_action_at: Instant | None = None
    cancelled_at: Instant | None = None
    cancellation_reason: str | None = None
    last_renewal_attempt_at: Instant | None = None
    consecutive_failures: int = 0
    merchant_profile_id: MerchantProfileId | None = None
    account_id: ProviderAccountId | None = None
    updated_at: Instant

    def __post_init__(self) -> None:
        checked_range(self.period_days, field="period_days", low=1, high=RENEWAL_PERIOD_DAYS_MAX)
        checked_range(
            self.grace_period_days, field="grace_period_days", low=0, high=GRACE_PERIOD_DAYS_MAX
        )
        checked_range(
            self.license_grace_seconds, field="license_grace_seconds", low=0, high=SECONDS_MAX
        )
        if (self.cancelled_at is not None) is not (self.status is SubscriptionStatus.CANCELLED):
            raise InvariantError("cancelled_at", "is there exactly when it is cancelled")

    @property
    def period_seconds(self) -> int:
        """How long a cycle is."""
        return self.period_days * DAY_SECONDS

    @property
    def grace_seconds(self) -> int:
        """The grace of its license now: while it is billed the longer of the two (lifecycles 8.6)."""
        own = self.license_grace_seconds
        match self.status:
            case SubscriptionStatus.ACTIVE | SubscriptionStatus.PAST_DUE:
                return max(own, self.grace_period_days * DAY_SECONDS)
            case SubscriptionStatus.CANCELLED:
                return own
            case SubscriptionStatus.LAPSED:
                return 0

    @property
    def lapses_at(self) -> Instant:
        """When it lapses unless it is paid: the end of what is paid plus its grace (D6)."""
        return Instant(self.next_renewal_at + self.grace_period_days * DAY_SECONDS)


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle and the invoice that pays for it; None: it costs nothing.

    ``superseded_at``: its invoice ended unpaid and another takes its place; paid after all it counts
    as a cycle of its own. ``told_at``: when the buyer's program was last told to pay.
    """

    id: CycleId
    subscription_id: SubscriptionId
    number: int
    invoice_id: InvoiceId | None
    start_at: Instant
    end_at: Instant
    settled_at: Instant | None = None
    superseded_at: Instant | None = None
    told_at: Instant | None = None
    created_at: Instant

    def __post_init__(self) -> None:
        if self.number < 1:
            raise InvariantError("cycle_number", "must be at least 1")
        if self.end_at <= self.start_at:
            raise InvariantError("cycle_end_at", "must be after cycle_start_at")

    @property
    def is_open(self) -> bool:
        """It waits to be paid."""
        return self.settled_at is None and self.superseded_at is None


# --- state machine (lifecycles 8.1) -------------------------------------------------------------


class FallDue(msgspec.Struct, frozen=True, kw_only=True, tag="fall_due"):
    """What was paid is used up, and the next cycle is not paid."""


class Pay(msgspec.Struct, frozen=True, kw_only=True, tag="pay"):
    """A cycle was paid, or cost nothing. ``next_renewal_at``: the end of it."""

    next_renewal_at: Instant


class Lapse(msgspec.Struct, frozen=True, kw_only=True, tag="lapse"):
    """It stayed unpaid past its grace."""


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """The buyer, the operator, or a change to a tier without cycles ended it."""

    reason: str | None = None


SubscriptionEvent: TypeAlias = FallDue | Pay | Lapse | Cancel

_ACTIVE, _PAST_DUE = SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE
_LAPSED, _CANCELLED = SubscriptionStatus.LAPSED, SubscriptionStatus.CANCELLED

TRANSITIONS: Final[
    Mapping[tuple[SubscriptionStatus, type[SubscriptionEvent]], SubscriptionStatus]
] = {
    (_ACTIVE, FallDue): _PAST_DUE,
    (_ACTIVE, Pay): _ACTIVE,
    (_ACTIVE, Cancel): _CANCELLED,
    (_PAST_DUE, FallDue): _PAST_DUE,
    (_PAST_DUE, Pay): _ACTIVE,
    (_PAST_DUE, Lapse): _LAPSED,
    (_PAST_DUE, Cancel): _CANCELLED,
    (_LAPSED, Pay): _ACTIVE,
    (_CANCELLED, Pay): _CANCELLED,
}
"""Cancelled is final: what is paid after it extends the license and revives nothing (D10)."""


def advance(subscription: Subscription, event: SubscriptionEvent, *, now: Instant) -> Subscription:
    """Apply an event. When a worker has to look next is ``domain.renewal``'s.

    Raises:
        IllegalTransition: the table has no such step.
    """
    status = TRANSITIONS.get((subscription.status, type(event)))
    if status is None:
        raise IllegalTransition("subscription", subscription.status, type(event).__name__.lower())
    # In one step, because what a status demands of the other fields is checked each time.
    change = partial(msgspec.structs.replace, subscription, status=status, updated_at=now)
    match event:
        case Pay(next_renewal_at=end) if status is _ACTIVE:
            return change(next_renewal_at=end, consecutive_failures=0)
        case Cancel(reason=reason):
            return change(cancelled_at=now, cancellation_reason=reason, next_action_at=None)
        case Lapse():
            return change(next_action_at=None)
        case Pay() | FallDue():
            return change()
