"""What a change of tier costs, and who may ask for it. Source: lifecycles 9.1, public-api 12.1."""

from typing import Final

import msgspec

from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.merchant import ProviderAccount, RailPreference
from keysat_core.domain.money import Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.subscription import LIVE, Cycle, Subscription, SubscriptionStatus
from keysat_core.domain.tier import list_price
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.errors import NotFound, TierChangeRefused

NEXT_CYCLE: Final = "next_cycle"
"""``apply_at`` of a downgrade that waits for the end of what is paid (decisions 16)."""


class TierFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A license with everything a change of its tier depends on.

    ``current`` None: it has no tier, or its tier is gone. ``original`` is the sale that issued it.
    ``recorded`` is the account of its subscription, else of that sale, connected or not;
    ``accounts`` are the connected ones of whoever sells the product, with their ``preferences``.
    """

    license: License
    product: Product
    current: Policy | None
    subscription: Subscription | None = None
    open_cycle: Cycle | None = None
    scheduled: TierChange | None = None
    original: Invoice | None = None
    recorded: ProviderAccount | None = None
    accounts: tuple[ProviderAccount, ...] = ()
    preferences: tuple[RailPreference, ...] = ()
    seats_taken: int = 0

    @property
    def live(self) -> Subscription | None:
        """Its subscription, if it still goes on; one that ended counts as none (lifecycles 9.1)."""
        subscription = self.subscription
        return subscription if subscription and subscription.status in LIVE else None

    @property
    def is_renewal_unpaid(self) -> bool:
        """A cycle is asked for and not paid, or overdue (D46)."""
        is_late = self.live is not None and self.live.status is SubscriptionStatus.PAST_DUE
        return is_late or (self.live is not None and self.open_cycle is not None)


class TierQuote(msgspec.Struct, frozen=True, kw_only=True):
    """What a change costs now and later. ``effective_at`` None: at once.

    ``source`` is the tier that is left: the target itself for a license that had none (D27).
    ``next_charge`` and ``next_period_days`` are None when nothing is billed afterwards.
    """

    source: Policy
    target: Policy
    direction: Direction
    charge: Money
    effective_at: Instant | None = None
    next_charge: Money | None = None
    next_period_days: int | None = None


def buyers_target(policy: Policy | None, slug: str) -> Policy:
    """Give the tier a buyer names. What buyers do not see is unknown to them (D19).

    Raises:
        NotFound: there is none, or it is private or archived.
    """
    if policy is None or not policy.public or policy.is_archived:
        raise NotFound("policy", slug)
    return policy


def quote_change(facts: TierFacts, target: Policy, asker: ChangeActor, now: Instant) -> TierQuote:
    """Quote a change that is to be paid, or that waits for the next cycle.

    Raises:
        TierChangeRefused: the first guard that fails (lifecycles 9.1, D46).
        NotFound: the license's tier does not exist any more.
    """
    source = _left(facts)
    _refuse_target(facts, source, target)
    if asker is ChangeActor.BUYER:
        _refuse_buyer(source, target)
    if facts.is_renewal_unpaid:
        raise TierChangeRefused(
            "renewal_unpaid",
            "the open renewal must be paid first; its time would be counted as paid",
        )
    return _quoted(facts, source, target, now)


def quote_comp(facts: TierFacts, target: Policy, now: Instant) -> TierQuote:
    """Quote a change the operator gives away: what it would have cost, whatever is unpaid.

    A license without a tier takes one, and the quote then names it as the tier that is left (D27).

    Raises:
        TierChangeRefused: a guard of lifecycles 9.1 that holds for operators too.
        NotFound: the license's tier does not exist any more.
    """
    if facts.license.policy_id is not None:
        source = _left(facts)
        _refuse_target(facts, source, target)
        return _quoted(facts, source, target, now)
    _refuse_target(facts, None, target)
    return _quoted(facts, target, target, now)


def quote_wait(facts: TierFacts, target: Policy, asker: ChangeActor, now: Instant) -> TierQuote:
    """Quote a downgrade that waits for the end of what is paid (decisions 16).

    Raises:
        TierChangeRefused: as ``quote_change``, or it cannot wait.
        NotFound: the license's tier does not exist any more.
    """
    quote = quote_change(facts, target, asker, now)
    is_recurring = quote.source.is_recurring and target.is_recurring and facts.live is not None
    if quote.direction is not Direction.DOWNGRADE or not is_recurring:
        raise TierChangeRefused(
            "cannot_wait",
            "only a downgrade from one recurring tier to another, of a subscription that goes on, "
            "can wait for the next cycle",
        )
    return quote


def prorated(source: Money, target: Money, *, days: int, period_days: int) -> int:
    """Charge the difference for the whole days that are left, rounded down, never below 0."""
    return max(0, (target.amount - source.amount) * days // period_days)


def days_left(subscription: Subscription, now: Instant) -> int:
    """Whole days until the end of what is paid, at most a period."""
    left = max(0, subscription.next_renewal_at - now) // DAY_SECONDS
    return min(subscription.period_days, left)


def _left(facts: TierFacts) -> Policy:
    if facts.license.policy_id is None:
        raise TierChangeRefused(
            "no_tier", "the license has no tier to change from; an operator can give it one"
        )
    if facts.current is None:
        raise NotFound("policy", facts.license.policy_id)
    return facts.current


def _refuse_target(facts: TierFacts, source: Policy | None, target: Policy) -> None:
    if source is not None and target.id == source.id:
        raise TierChangeRefused("same_tier", f"the license is on tier {target.slug!r} already")
    if target.product_id != facts.product.id:
        raise TierChangeRefused("other_product", "the tier belongs to another product")
    if not target.active:
        raise TierChangeRefused("inactive", f"tier {target.slug!r} is inactive")


def _refuse_buyer(source: Policy, target: Policy) -> None:
    """Let buyers move on the ladder alone: both tiers have a rank, and one is above the other."""
    for policy in (source, target):
        if policy.tier_rank is None:
            raise TierChangeRefused(
                "unranked",
                f"tier {policy.slug!r} has no tier_rank; changes outside the ladder are admin-only",
            )
    if source.tier_rank == target.tier_rank:
        raise TierChangeRefused(
            "same_rank", "both tiers have the same tier_rank; changes between them are admin-only"
        )
    if not target.is_recurring and _by_rank(source, target) is Direction.DOWNGRADE:
        raise TierChangeRefused("admin_only", "a downgrade to a one-off tier is admin-only")


def _by_rank(source: Policy, target: Policy) -> Direction | None:
    """The direction on the ladder; None if it does not tell."""
    low, high = source.tier_rank, target.tier_rank
    if low is None or high is None or low == high:
        return None
    return Direction.UPGRADE if high > low else Direction.DOWNGRADE


def _by_price(source: Money, target: Money) -> Direction:
    return Direction.UPGRADE if target.amount >= source.amount else Direction.DOWNGRADE


def _quoted(facts: TierFacts, source: Policy, target: Policy, now: Instant) -> TierQuote:
    before, after = list_price(facts.product, source), list_price(facts.product, target)
    direction = _by_rank(source, target) or _by_price(before, after)
    if not target.is_recurring:
        charge = max(0, after.amount - before.amount)
        return _quote(source, target, direction, charge=charge, price=after)
    effective_at = None
    if direction is Direction.DOWNGRADE:
        charge = 0
        effective_at = facts.live.next_renewal_at if facts.live is not None else None
    else:
        charge = _upgrade_charge(facts.live, target, before, after, now)
    return _quote(source, target, direction, charge=charge, price=after, effective_at=effective_at)


def _upgrade_charge(
    live: Subscription | None, target: Policy, before: Money, after: Money, now: Instant
) -> int:
    """Charge for going up to a recurring tier. Prices of different cadences are not mixed (D25)."""
    if live is None:
        return after.amount
    days, period = days_left(live, now), live.period_days
    if target.renewal_period_days == period:
        return prorated(before, after, days=days, period_days=period)
    return max(0, after.amount - before.amount * days // period)


def _quote(
    source: Policy,
    target: Policy,
    direction: Direction,
    *,
    charge: int,
    price: Money,
    effective_at: Instant | None = None,
) -> TierQuote:
    return TierQuote(
        source=source,
        target=target,
        direction=direction,
        charge=Money(currency=price.currency, amount=charge),
        effective_at=effective_at,
        next_charge=price if target.is_recurring else None,
        next_period_days=target.renewal_period_days if target.is_recurring else None,
    )
