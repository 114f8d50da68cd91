"""Change the tier of a license without a payment, as the operator."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.events import license_tier_changed, outbox_event
from keysat_core.domain.ids import (
    CycleId,
    EventId,
    MerchantProfileId,
    SubscriptionId,
    TierChangeId,
)
from keysat_core.domain.license import License
from keysat_core.domain.policy import Policy
from keysat_core.domain.sale_record import OrderedChange
from keysat_core.domain.self_license import SelfLicense, refuse_own_license
from keysat_core.domain.text import cut_text
from keysat_core.domain.tier_change import ChangeActor, TierChange
from keysat_core.domain.tier_comp import TierLoss, comp_entry, given_change, loss_of
from keysat_core.domain.tier_effect import AppliedChange, Payer, change_tier
from keysat_core.domain.tier_quote import TierFacts, TierQuote, quote_comp
from keysat_core.domain.tier_request import ChangeRequest, checked_target
from keysat_core.errors import NotFound
from keysat_core.limits import REASON_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


class GivenTier(msgspec.Struct, frozen=True, kw_only=True):
    """The license on its new tier, and what it lost by it."""

    license: License
    change: TierChange
    quote: TierQuote
    loss: TierLoss


def give_change(
    actor: Actor,
    request: ChangeRequest,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
) -> GivenTier:
    """Put a license on another tier at once. It is stamped as applied, so nothing repeats it (D5).

    Source: admin-api 2.6, decisions 8. A cycle that waits to be paid is superseded.

    Raises:
        Forbidden: the actor lacks ``licenses:write``.
        InvariantError: a field breaks a rule.
        NotFound: no such license or tier.
        TierChangeRefused: the message says why.
    """
    authorize(actor, Scope.LICENSES_WRITE)
    slug = checked_target(request.target_slug, field="to_policy_slug")
    reason = cut_text(request.reason, REASON_CHARS_MAX, field="reason")
    refuse_own_license(self_license, request.license_id)
    now = clock.now()
    with store.writing() as tx:
        facts = tx.sales.get_tier_facts(request.license_id)
        target = tx.policies.find_policy_by_slug(facts.product.id, slug)
        if target is None:
            raise NotFound("policy", slug)
        quote = quote_comp(facts, target, now)
        change = given_change(facts, quote, TierChangeId(ids.new()), reason, now)
        payer = Payer(
            subscription_id=SubscriptionId(ids.new()),
            cycle_id=CycleId(ids.new()),
            merchant_profile_id=_profile_id(tx, facts),
            account_id=facts.recorded.id if facts.recorded is not None else None,
        )
        applied = change_tier(_ordered(facts, change, target), facts.product, payer, now)
        _save(tx, applied)
        had_tier = facts.license.policy_id is not None
        tx.trail.append_audit(comp_entry(applied.change, target, actor, now, had_tier=had_tier))
        event = license_tier_changed(
            applied.change, applied.license, target.slug, actor=ChangeActor.ADMIN
        )
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return GivenTier(
        license=applied.license,
        change=applied.change,
        quote=quote,
        loss=loss_of(facts, target),
    )


def _ordered(facts: TierFacts, change: TierChange, target: Policy) -> OrderedChange:
    return OrderedChange(
        change=change,
        license=facts.license,
        target=target,
        subscription=facts.subscription,
        open_cycle=facts.open_cycle,
        scheduled=facts.scheduled,
    )


def _profile_id(tx: Transaction, facts: TierFacts) -> MerchantProfileId | None:
    if facts.product.merchant_profile_id is not None:
        return facts.product.merchant_profile_id
    default = tx.merchants.find_default_profile()
    return default.id if default else None


def _save(tx: Transaction, applied: AppliedChange) -> None:
    tx.licenses.put_license(applied.license)
    if applied.subscription is not None:
        tx.subscriptions.put_subscription(applied.subscription)
    for cycle in applied.cycles:
        tx.subscriptions.put_cycle(cycle)
    if applied.withdrawn is not None:
        tx.tier_changes.put_tier_change(applied.withdrawn)
    tx.tier_changes.put_tier_change(applied.change)
