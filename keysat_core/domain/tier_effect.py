"""What a change of tier does to a license and its subscription (lifecycles 9.4)."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import license_tier_changed
from keysat_core.domain.ids import (
    CycleId,
    MerchantProfileId,
    ProviderAccountId,
    SubscriptionId,
)
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.product import Product
from keysat_core.domain.renewal import first_look_at, slack_seconds
from keysat_core.domain.sale_record import OrderedChange, SaleFacts, Settlement
from keysat_core.domain.subscription import LIVE, Cancel, Cycle, Pay, Subscription, advance
from keysat_core.domain.tier import list_price
from keysat_core.domain.tier_change import TierChange

CANCELLED_BY_CHANGE = "changed to a tier without renewals"
"""Why a subscription ended with a change to a one-off tier."""


class AppliedChange(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a change that was applied. ``cycle``: one that waited and is asked for anew.

    ``first_cycle``: of a subscription that begins with it. ``withdrawn``: a scheduled change that it
    takes the place of.
    """

    change: TierChange
    license: License
    subscription: Subscription | None
    cycle: Cycle | None = None
    first_cycle: Cycle | None = None
    withdrawn: TierChange | None = None

    @property
    def cycles(self) -> tuple[Cycle, ...]:
        """The cycles to write, in their order."""
        return tuple(one for one in (self.cycle, self.first_cycle) if one is not None)


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells and who collects, for a subscription that begins with a change.

    ``cycle_id`` is that of its first cycle; None where no subscription can begin.
    """

    subscription_id: SubscriptionId
    cycle_id: CycleId | None = None
    merchant_profile_id: MerchantProfileId | None
    account_id: ProviderAccountId | None


def change_tier(
    ordered: OrderedChange, product: Product, payer: Payer, now: Instant
) -> AppliedChange:
    """Put a license on its new tier. Status, seats, lock and issue date stay as they are.

    A cycle that waits to be paid at the old price is superseded: the next one has the new price.
    """
    target = ordered.target
    subscription = _subscription(ordered, product, payer, now)
    license = msgspec.structs.replace(
        ordered.license,
        policy_id=target.id,
        entitlements=target.entitlements,
        max_machines=target.max_machines,
        is_trial=target.is_trial,
        grace_seconds=target.grace_seconds,
    )
    if subscription is not None and subscription.status in LIVE:
        paid_until = max(now, subscription.next_renewal_at)
        license = msgspec.structs.replace(
            license,
            grace_seconds=subscription.grace_seconds,
            expires_at=Instant(paid_until + slack_seconds(target, subscription)),
        )
    else:
        seconds = target.duration_seconds
        license = msgspec.structs.replace(
            license, expires_at=Instant(now + seconds) if seconds else None
        )
    cycle = ordered.open_cycle
    if cycle is not None:
        cycle = msgspec.structs.replace(cycle, superseded_at=now)
    change = msgspec.structs.replace(ordered.change, applied_at=now, withdrawn_at=None)
    scheduled = ordered.scheduled
    if scheduled is not None and scheduled.id != change.id:
        scheduled = msgspec.structs.replace(scheduled, withdrawn_at=now)
    else:
        scheduled = None
    return AppliedChange(
        change=change,
        license=license,
        subscription=subscription,
        cycle=cycle,
        first_cycle=_first_cycle(ordered, subscription, payer, now),
        withdrawn=scheduled,
    )


def _first_cycle(
    ordered: OrderedChange, subscription: Subscription | None, payer: Payer, now: Instant
) -> Cycle | None:
    """The cycle that is paid with the change, so that the next one counts as a renewal (D1, D24)."""
    is_begun = subscription is not None and ordered.subscription is None
    if subscription is None or not is_begun or payer.cycle_id is None:
        return None
    return Cycle(
        id=payer.cycle_id,
        subscription_id=subscription.id,
        number=1,
        invoice_id=ordered.change.invoice_id,
        start_at=now,
        end_at=subscription.next_renewal_at,
        settled_at=now,
        created_at=now,
    )


def _subscription(
    ordered: OrderedChange, product: Product, payer: Payer, now: Instant
) -> Subscription | None:
    """The subscription after the change; one that had ended begins anew (D24)."""
    target, before = ordered.target, ordered.subscription
    is_live = before is not None and before.status in LIVE
    if not target.is_recurring:
        if before is None or not is_live:
            return before
        return advance(before, Cancel(reason=CANCELLED_BY_CHANGE), now=now)
    period = target.renewal_period_days
    is_same_cadence = before is not None and is_live and before.period_days == period
    next_renewal_at = Instant(now + period * DAY_SECONDS)
    if before is not None and is_same_cadence:
        next_renewal_at = before.next_renewal_at
    base = before
    if base is None or not is_live:
        base = _begun(ordered, payer, next_renewal_at, product, now)
    elif not is_same_cadence:
        # A cycle of the new length begins, and it is paid.
        base = advance(base, Pay(next_renewal_at=next_renewal_at), now=now)
    changed = msgspec.structs.replace(
        base,
        policy_id=target.id,
        listed=list_price(product, target),
        period_days=period,
        grace_period_days=target.grace_period_days,
        license_grace_seconds=target.grace_seconds,
        next_renewal_at=next_renewal_at,
        updated_at=now,
    )
    return msgspec.structs.replace(changed, next_action_at=first_look_at(changed))


def _begun(
    ordered: OrderedChange,
    payer: Payer,
    next_renewal_at: Instant,
    product: Product,
    now: Instant,
) -> Subscription:
    """Begin a subscription; there is one row for a license, so one that ended makes room for it."""
    return Subscription(
        id=payer.subscription_id if ordered.subscription is None else ordered.subscription.id,
        license_id=ordered.license.id,
        product_id=product.id,
        policy_id=ordered.target.id,
        period_days=ordered.target.renewal_period_days,
        listed=list_price(product, ordered.target),
        started_at=now,
        next_renewal_at=next_renewal_at,
        merchant_profile_id=payer.merchant_profile_id,
        account_id=payer.account_id,
        updated_at=now,
    )


def apply_paid_change(
    facts: SaleFacts, ordered: OrderedChange, settled: Invoice, actor: Actor, now: Instant
) -> Settlement:
    """Apply a change whose invoice was paid, once whatever else happened since (D39)."""
    if ordered.change.applied_at is not None:
        return Settlement(invoice=settled)
    payer = Payer(
        subscription_id=facts.new.subscription_id,
        cycle_id=facts.new.cycle_id,
        merchant_profile_id=facts.merchant_profile_id,
        account_id=settled.provider_account_id,
    )
    applied = change_tier(ordered, facts.product, payer, now)
    audit = audited(
        actor,
        "subscription.upgrade.applied",
        now,
        target=("tier_change", applied.change.id),
        license_id=applied.license.id,
        from_policy_id=applied.change.from_policy_id,
        to_policy_id=applied.change.to_policy_id,
        invoice_id=settled.id,
    )
    event = license_tier_changed(
        applied.change, applied.license, ordered.target.slug, actor=applied.change.actor
    )
    return Settlement(
        invoice=settled,
        license=applied.license,
        subscription=applied.subscription,
        cycles=applied.cycles,
        tier_change=applied.change,
        withdrawn_change=applied.withdrawn,
        events=(event,),
        audits=(audit,),
    )
