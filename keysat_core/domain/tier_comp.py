"""Changes of tier without an invoice: given at once, or waiting for the next cycle, and what is lost.

Source: lifecycles 9.2 and 9.5, decisions 8 and 16.
"""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.ids import TierChangeId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.tier_change import ChangeActor, TierChange
from keysat_core.domain.tier_quote import TierFacts, TierQuote


class TierLoss(msgspec.Struct, frozen=True, kw_only=True):
    """What a license loses by a change. ``seats_over``: machines above the new tier's cap."""

    entitlements: tuple[str, ...] = ()
    seats_taken: int = 0
    seats_max: int = 0
    seats_over: int = 0
    ends_subscription: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say it in sentences; empty when nothing is lost."""
        told = []
        if self.entitlements:
            told.append("the license loses " + ", ".join(self.entitlements))
        if self.seats_over:
            told.append(
                f"{self.seats_taken} machines hold seats and the new tier has {self.seats_max};"
                " they keep them until they are deactivated"
            )
        if self.ends_subscription:
            told.append("its subscription is cancelled: the new tier is paid once")
        return tuple(told)


def loss_of(facts: TierFacts, target: Policy) -> TierLoss:
    """Compare a license as it is with the tier it is to have."""
    kept = frozenset(target.entitlements)
    over = facts.seats_taken - target.max_machines if target.max_machines else 0
    return TierLoss(
        entitlements=tuple(one for one in facts.license.entitlements if one not in kept),
        seats_taken=facts.seats_taken,
        seats_max=target.max_machines,
        seats_over=max(0, over),
        ends_subscription=facts.live is not None and not target.is_recurring,
    )


def given_change(
    facts: TierFacts, quote: TierQuote, change_id: TierChangeId, reason: str | None, now: Instant
) -> TierChange:
    """Write down a change an operator gives away; whoever applies it stamps it at once (D5)."""
    return TierChange(
        id=change_id,
        license_id=facts.license.id,
        from_policy_id=quote.source.id,
        to_policy_id=quote.target.id,
        direction=quote.direction,
        charge=Money(currency=quote.charge.currency, amount=0),
        effective_at=now,
        actor=ChangeActor.ADMIN,
        reason=reason,
        created_at=now,
    )


def waiting_change(
    facts: TierFacts,
    quote: TierQuote,
    change_id: TierChangeId,
    *,
    asker: ChangeActor,
    reason: str | None,
    now: Instant,
) -> TierChange:
    """Write down a downgrade that waits for the end of what is paid."""
    return TierChange(
        id=change_id,
        license_id=facts.license.id,
        from_policy_id=quote.source.id,
        to_policy_id=quote.target.id,
        direction=quote.direction,
        charge=quote.charge,
        effective_at=now if quote.effective_at is None else quote.effective_at,
        actor=asker,
        reason=reason,
        created_at=now,
    )


def is_same_wait(scheduled: TierChange, quote: TierQuote) -> bool:
    """The same downgrade waits already, for the same day."""
    return (scheduled.from_policy_id, scheduled.to_policy_id, scheduled.effective_at) == (
        quote.source.id,
        quote.target.id,
        quote.effective_at,
    )


def withdrawn(change: TierChange, now: Instant) -> TierChange:
    """Give up a change; if its invoice is paid after all it is applied nevertheless."""
    return msgspec.structs.replace(change, withdrawn_at=now)


def comp_entry(
    change: TierChange, target: Policy, actor: Actor, now: Instant, *, had_tier: bool
) -> AuditEntry:
    """Describe a change that was given away (admin-api 6); ``had_tier`` False is noted (D27)."""
    note = {} if had_tier else {"had_policy": False}
    return audited(
        actor,
        "license.change_tier.comp",
        now,
        target=("tier_change", change.id),
        license_id=change.license_id,
        from_policy_id=change.from_policy_id,
        to_policy_id=change.to_policy_id,
        to_policy_slug=target.slug,
        direction=change.direction,
        reason=change.reason,
        skip_payment=True,
        **note,
    )


def wait_entry(change: TierChange, target: Policy, actor: Actor, now: Instant) -> AuditEntry:
    """Describe a change that was scheduled."""
    is_buyers = change.actor is ChangeActor.BUYER
    return audited(
        actor,
        "subscription.downgrade.scheduled" if is_buyers else "license.change_tier.scheduled",
        now,
        target=("tier_change", change.id),
        license_id=change.license_id,
        from_policy_id=change.from_policy_id,
        to_policy_id=change.to_policy_id,
        to_policy_slug=target.slug,
        direction=change.direction,
        reason=change.reason,
        effective_at=change.effective_at,
    )
