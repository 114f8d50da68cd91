"""What a worker does about a subscription when it looks at it (lifecycles 8.3, 8.5-8.6). Pure.

What a paid cycle does is ``renewal``'s.
"""

from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.license import License, LicenseStatus
from keysat_core.domain.money import Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.renewal import first_look_at, look_at, may_ask_at
from keysat_core.domain.subscription import (
    LIVE,
    Cycle,
    FallDue,
    Subscription,
    SubscriptionStatus,
    advance,
)
from keysat_core.domain.tier import list_price
from keysat_core.domain.tier_change import TierChange

LOOK_SECONDS: Final = 60
"""The least between two looks at a subscription: a tick run twice does nothing twice."""

HELD_UP_SECONDS: Final = DAY_SECONDS
"""How often one is looked at that cannot be billed now: archived, or its license suspended (D8)."""


class Step(StrEnum):
    """What to do now."""

    NOTHING = "nothing"
    """It is not billed any more."""
    WAIT = "wait"
    CANCEL = "cancel"
    """Its license was revoked (D36)."""
    LAPSE = "lapse"
    ADVANCE = "advance"
    """The next cycle costs nothing."""
    SKIP = "skip"
    """It is due and its tier is archived."""
    BILL = "bill"
    """Make an invoice for the next cycle."""
    ASK = "ask"
    """The invoice is made; have its provider collect it, and tell the buyer."""


class BillingFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription with everything that decides what becomes of it.

    ``newest`` is the latest cycle that was asked for and not paid, ``newest_invoice`` its invoice.
    ``scheduled`` is a change of tier that waits for its day, to ``target``. ``saved_with`` is the
    invoice whose saved payment method is charged when it is due, instead of asking the buyer ahead.
    """

    subscription: Subscription
    license: License
    product: Product
    policy: Policy
    last_settled: Cycle | None = None
    newest: Cycle | None = None
    newest_invoice: Invoice | None = None
    scheduled: TierChange | None = None
    target: Policy | None = None
    saved_with: InvoiceId | None = None

    @property
    def open_cycle(self) -> Cycle | None:
        """The cycle that waits to be paid."""
        return self.newest if self.newest is not None and self.newest.is_open else None

    @property
    def coming(self) -> Policy | None:
        """The tier that is scheduled for the next cycle; None: it stays on its own."""
        if self.scheduled is None or self.target is None:
            return None
        is_by_then = self.scheduled.effective_at <= self.subscription.next_renewal_at
        return self.target if is_by_then else None

    @property
    def next_policy(self) -> Policy:
        """The tier of the next cycle."""
        return self.coming or self.policy

    @property
    def next_price(self) -> Money:
        """What the next cycle costs, as it is listed."""
        coming = self.coming
        return self.subscription.listed if coming is None else list_price(self.product, coming)

    @property
    def next_number(self) -> int:
        """The number of the cycle that follows on what is paid."""
        return 1 + (self.last_settled.number if self.last_settled is not None else 0)


def fallen_due(facts: BillingFacts, step: Step, now: Instant) -> BillingFacts:
    """Let what was paid be used up, unless the next cycle costs nothing.

    The step is decided before: one that falls due is asked for before it lapses.
    """
    subscription = facts.subscription
    is_due = subscription.status is SubscriptionStatus.ACTIVE
    is_due = is_due and now >= subscription.next_renewal_at
    if not is_due or step in {Step.ADVANCE, Step.CANCEL}:
        return facts
    return msgspec.structs.replace(facts, subscription=advance(subscription, FallDue(), now=now))


def step_of(facts: BillingFacts, now: Instant) -> Step:
    """Decide the one thing to do at this look."""
    subscription, license = facts.subscription, facts.license
    if subscription.status not in LIVE:
        return Step.NOTHING
    if license.status is LicenseStatus.REVOKED:
        return Step.CANCEL
    is_blocked = facts.policy.is_archived or license.status is not LicenseStatus.ACTIVE
    if facts.next_price.amount == 0 and not is_blocked and facts.open_cycle is None:
        return Step.ADVANCE if now >= first_look_at(subscription) else Step.WAIT
    if subscription.status is SubscriptionStatus.PAST_DUE and now >= subscription.lapses_at:
        return Step.LAPSE
    if facts.open_cycle is not None:
        wants_asking = _is_unasked(facts) and now >= ask_at(facts)
        return Step.ASK if wants_asking else Step.WAIT
    return _when_nothing_is_open(facts, now)


def _is_unasked(facts: BillingFacts) -> bool:
    """Its invoice is not at a provider yet, or nobody was told of it: a crash, or a failure."""
    cycle, invoice = facts.open_cycle, facts.newest_invoice
    if cycle is None or invoice is None or invoice.status is not InvoiceStatus.PENDING:
        return False
    return invoice.provider_invoice_id is None or cycle.told_at is None


def _when_nothing_is_open(facts: BillingFacts, now: Instant) -> Step:
    if facts.license.status is not LicenseStatus.ACTIVE:
        return Step.WAIT
    if facts.policy.is_archived:
        return Step.SKIP if now >= facts.subscription.next_renewal_at else Step.WAIT
    if not _is_billed_ahead(facts):
        return Step.WAIT
    return Step.BILL if now >= ask_at(facts) else Step.WAIT


def _is_billed_ahead(facts: BillingFacts) -> bool:
    """A coming tier of another cadence is billed once the license is on it."""
    coming = facts.coming
    if coming is None:
        return True
    return coming.is_recurring and coming.renewal_period_days == facts.subscription.period_days


def ask_at(facts: BillingFacts) -> Instant:
    """When the next cycle is asked for: ahead of time, when its method is charged, or again later."""
    subscription, invoice = facts.subscription, facts.newest_invoice
    first = subscription.next_renewal_at if facts.saved_with else first_look_at(subscription)
    is_asked_before = facts.newest is not None or subscription.consecutive_failures > 0
    if not is_asked_before:
        return first
    is_over = facts.open_cycle is None and invoice is not None
    is_over = is_over and invoice is not None and invoice.status is not InvoiceStatus.PENDING
    was_payable = is_over and invoice is not None and invoice.provider_invoice_id is not None
    return Instant(max(first, may_ask_at(subscription, was_payable=was_payable)))


def looked_at(facts: BillingFacts, now: Instant) -> Subscription:
    """Note when to look again at one that nothing more is done about now."""
    wish, scheduled = _wish(facts, now), facts.scheduled
    if scheduled is not None and scheduled.effective_at > now:
        wish = min(wish, scheduled.effective_at)
    return next_look(facts.subscription, wish, now)


def being_asked(subscription: Subscription, now: Instant) -> Subscription:
    """Have it found again soon if whoever asks its provider now never comes to an end (D45)."""
    return next_look(subscription, Instant(now + LOOK_SECONDS), now)


def next_look(subscription: Subscription, wish: Instant, now: Instant) -> Subscription:
    """Look again as wished, but not after it falls due or lapses, and never twice at once."""
    at = max(look_at(subscription, wish), now + LOOK_SECONDS)
    return msgspec.structs.replace(subscription, next_action_at=Instant(at))


def when_told(subscription: Subscription, now: Instant) -> Subscription:
    """Wait for the buyer: until it falls due, or lapses."""
    return next_look(subscription, subscription.lapses_at, now)


def failed(subscription: Subscription, now: Instant) -> Subscription:
    """Count an attempt that made no invoice, and try again after a pause (D51)."""
    counted = msgspec.structs.replace(
        subscription,
        consecutive_failures=subscription.consecutive_failures + 1,
        last_renewal_attempt_at=now,
        updated_at=now,
    )
    return next_look(counted, may_ask_at(counted, was_payable=False), now)


def _wish(facts: BillingFacts, now: Instant) -> Instant:
    subscription, daily = facts.subscription, Instant(now + HELD_UP_SECONDS)
    is_blocked = facts.policy.is_archived or facts.license.status is not LicenseStatus.ACTIVE
    if facts.open_cycle is None and is_blocked:
        return max(daily, first_look_at(subscription))
    if facts.open_cycle is not None and not _is_unasked(facts):
        return subscription.lapses_at
    return ask_at(facts)


def needs_telling_of_skip(facts: BillingFacts) -> bool:
    """Whether the skip of this due date was not told yet.

    What was skipped counts as an attempt, so one after the due date and the archiving was told of.
    """
    last, archived_at = facts.subscription.last_renewal_attempt_at, facts.policy.archived_at
    due_at = facts.subscription.next_renewal_at
    return last is None or last < max(due_at, archived_at or due_at)
