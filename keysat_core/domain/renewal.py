"""Renewals: when a cycle is asked for, and what a paid one does (lifecycles 8.3-8.4)."""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import subscription_renewed
from keysat_core.domain.ids import CycleId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.policy import Policy
from keysat_core.domain.sale_record import BilledCycle, Settlement
from keysat_core.domain.subscription import (
    Cycle,
    Pay,
    Subscription,
    SubscriptionStatus,
    advance,
)

LEAD_SECONDS: Final = 3 * DAY_SECONDS
"""How long before the end of what is paid the next cycle's invoice is made, at the most."""

LEAD_PARTS: Final = 4
"""At most this part of a cycle lies between its invoice and the end of the one before."""

ASK_AGAIN_SECONDS: Final = DAY_SECONDS
"""The pause between two invoices for one cycle, when the first ended unpaid."""

RETRY_SECONDS: Final = (300, 1_800, 7_200, 21_600, 43_200)
"""The pauses after attempts that made no invoice; the last one repeats until it lapses (D51)."""


def first_look_at(subscription: Subscription) -> Instant:
    """When the next cycle is to be asked for, ahead of the end of what is paid.

    A trial, which may be shorter than a period, gets its own share of it too.
    """
    paid = subscription.next_renewal_at
    shortest = min(subscription.period_seconds, max(0, paid - subscription.started_at))
    return Instant(paid - min(LEAD_SECONDS, shortest // LEAD_PARTS))


def asked_again(subscription: Subscription, now: Instant, *, was_payable: bool) -> Subscription:
    """Have the open cycle asked for by another invoice (D51).

    At most one a day, unless the one that ended never was at its provider.
    """
    at = max(now, may_ask_at(subscription, was_payable=was_payable))
    return msgspec.structs.replace(subscription, next_action_at=look_at(subscription, Instant(at)))


def may_ask_at(subscription: Subscription, *, was_payable: bool) -> Instant:
    """When a cycle that was asked for before may be asked for by another invoice."""
    last = subscription.last_renewal_attempt_at
    if last is None:
        return subscription.started_at
    failures = subscription.consecutive_failures
    wait = RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1] if failures else 0
    return Instant(last + max(wait, ASK_AGAIN_SECONDS if was_payable else 0))


def look_at(subscription: Subscription, at: Instant) -> Instant:
    """Bound a time to look by what happens without anybody: falling due, or lapsing."""
    is_active = subscription.status is SubscriptionStatus.ACTIVE
    return min(at, subscription.next_renewal_at if is_active else subscription.lapses_at)


def renew(billed: BilledCycle, settled: Invoice, actor: Actor, now: Instant) -> Settlement:
    """Apply a cycle's payment: extend the license that exists, and issue nothing (D1, D2)."""
    cycle = _window(billed, now)
    before = billed.subscription
    subscription = advance(before, Pay(next_renewal_at=cycle.end_at), now=now)
    if subscription.status is SubscriptionStatus.ACTIVE:
        # Paid ahead, it is looked at once more when it would have been due: for a change of tier
        # that is scheduled for then.
        is_ahead = before.next_renewal_at > now
        next_at = before.next_renewal_at if is_ahead else first_look_at(subscription)
        subscription = msgspec.structs.replace(subscription, next_action_at=next_at)
    license = extended(billed.license, billed.policy, subscription, cycle.end_at)
    audit = audited(
        actor,
        "subscription.renew",
        now,
        target=("subscription", subscription.id),
        invoice_id=settled.id,
        license_id=license.id,
        cycle_number=cycle.number,
        status_before=before.status,
    )
    return Settlement(
        invoice=settled,
        license=license,
        subscription=subscription,
        cycles=(*_outrun(billed, now), cycle),
        events=(subscription_renewed(subscription, settled, cycle),),
        audits=(audit,),
    )


def _window(billed: BilledCycle, now: Instant) -> Cycle:
    """The cycle as it is paid: it follows on what is paid, whichever invoice was paid for it.

    After a lapse, or a whole cycle late, it begins with the payment (lifecycles 8.3, 8.4).
    """
    cycle, subscription, last = billed.cycle, billed.subscription, billed.last_settled
    start = now
    if subscription.status is not SubscriptionStatus.LAPSED:
        paid_until = last.end_at if last is not None else cycle.start_at
        start = max(cycle.start_at, subscription.next_renewal_at, paid_until)
        if now - start >= subscription.period_seconds:
            # A whole cycle late: a window that is over already would give the buyer nothing.
            start = now
    return msgspec.structs.replace(
        cycle,
        number=1 + (last.number if last is not None else 0),
        start_at=start,
        end_at=Instant(start + subscription.period_seconds),
        settled_at=now,
        superseded_at=None,
    )


def _outrun(billed: BilledCycle, now: Instant) -> tuple[Cycle, ...]:
    """The cycle that waited while an older invoice was paid; another is asked for in its time."""
    other = billed.open_cycle
    if other is None or other.id == billed.cycle.id:
        return ()
    return (msgspec.structs.replace(other, superseded_at=now),)


def extended(
    license: License, policy: Policy | None, subscription: Subscription, paid_until: Instant
) -> License:
    """Let a license last as long as what is paid, and what its tier gives beyond that.

    Source: lifecycles 8.4: a perpetual one stays so, and no payment ever shortens one.
    """
    expires_at = license.expires_at
    if expires_at is not None:
        expires_at = Instant(max(expires_at, paid_until + slack_seconds(policy, subscription)))
    return msgspec.structs.replace(
        license,
        expires_at=expires_at,
        grace_seconds=subscription.grace_seconds,
        is_trial=license.is_trial if policy is None else policy.is_trial,
    )


def slack_seconds(policy: Policy | None, subscription: Subscription) -> int:
    """How much longer than its cycle the operator lets a license last, as 35-day keys for 30 days."""
    if policy is None:
        return 0
    return max(0, policy.duration_seconds - subscription.period_seconds)


def free_cycle(
    subscription: Subscription, *, cycle_id: CycleId, number: int, start: Instant, now: Instant
) -> Cycle:
    """Make a cycle that costs nothing and is settled with it (lifecycles 8.2)."""
    return Cycle(
        id=cycle_id,
        subscription_id=subscription.id,
        number=number,
        invoice_id=None,
        start_at=start,
        end_at=Instant(start + subscription.period_seconds),
        settled_at=now,
        created_at=now,
    )
