"""Have a downgrade wait for the end of what is paid, and call it off again (decisions 16)."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.ids import LicenseId, TierChangeId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.policy import Policy
from keysat_core.domain.self_license import SelfLicense, refuse_own_license
from keysat_core.domain.text import cut_text
from keysat_core.domain.tier_change import ChangeActor, TierChange
from keysat_core.domain.tier_comp import (
    TierLoss,
    is_same_wait,
    loss_of,
    wait_entry,
    waiting_change,
    withdrawn,
)
from keysat_core.domain.tier_quote import TierFacts, TierQuote, buyers_target, quote_wait
from keysat_core.domain.tier_request import ChangeRequest, UpgradeRequest, checked_target
from keysat_core.errors import BadKeyFormat, BadKeySignature, NotFound, Unauthorized
from keysat_core.limits import REASON_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction


class ScheduledTier(msgspec.Struct, frozen=True, kw_only=True):
    """The change that waits, and what the license will lose. ``is_already``: it waited before."""

    change: TierChange
    quote: TierQuote
    loss: TierLoss
    is_already: bool = False


class CancelledChange(msgspec.Struct, frozen=True, kw_only=True):
    """The change that was called off. ``is_already``: it had been before."""

    change: TierChange
    is_already: bool = False


def schedule_downgrade(
    actor: Actor,
    request: UpgradeRequest,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
) -> ScheduledTier:
    """Schedule a downgrade as the buyer; it costs nothing.

    Raises:
        InvariantError: a field breaks a rule.
        Unauthorized: the key is none of ours, or its license is gone, suspended or revoked.
        NotFound: buyers see no such tier.
        TierChangeRefused: the message says why.
        SigningKeyUnusable: there is no key to verify with.
    """
    slug = checked_target(request.target_slug, field="target_policy_slug")
    try:
        payload = keys.payload_of(request.license_key)
    except (BadKeyFormat, BadKeySignature):
        raise Unauthorized from None
    now = clock.now()
    with store.writing() as tx:
        license = tx.licenses.find_license(LicenseId(payload.license_id))
        if license is None or license.status is not LicenseStatus.ACTIVE:
            raise Unauthorized
        policy = tx.policies.find_policy_by_slug(license.product_id, slug)
        target = buyers_target(policy, slug)
        facts = tx.sales.get_tier_facts(license.id)
        return _schedule(tx, actor, facts, target, ids=ids, now=now, asker=ChangeActor.BUYER)


def schedule_change(
    actor: Actor,
    request: ChangeRequest,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
) -> ScheduledTier:
    """Schedule a downgrade as the operator.

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
        return _schedule(
            tx, actor, facts, target, ids=ids, now=now, asker=ChangeActor.ADMIN, reason=reason
        )


def cancel_scheduled_change(
    actor: Actor,
    license_id: LicenseId,
    change_id: TierChangeId,
    *,
    store: Store,
    clock: Clock,
) -> CancelledChange:
    """Call off a change that waits for its day. Repeating it changes nothing (decisions 10).

    Raises:
        Forbidden: the actor lacks ``licenses:write``.
        NotFound: the license has no such change, or it was applied, or waits for a payment.
    """
    authorize(actor, Scope.LICENSES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        change = tx.tier_changes.get_tier_change(change_id)
        is_scheduled = change.invoice_id is None and change.applied_at is None
        if change.license_id != license_id or not is_scheduled:
            raise NotFound("scheduled tier change", change_id)
        if change.withdrawn_at is not None:
            return CancelledChange(change=change, is_already=True)
        called_off = withdrawn(change, now)
        tx.tier_changes.put_tier_change(called_off)
        tx.trail.append_audit(
            audited(
                actor,
                "license.change_tier.cancelled",
                now,
                target=("tier_change", change_id),
                license_id=license_id,
                to_policy_id=change.to_policy_id,
            )
        )
    return CancelledChange(change=called_off)


def _schedule(
    tx: Transaction,
    actor: Actor,
    facts: TierFacts,
    target: Policy,
    *,
    ids: Ids,
    now: Instant,
    asker: ChangeActor,
    reason: str | None = None,
) -> ScheduledTier:
    """Write the change down, in the place of another that waits."""
    quote = quote_wait(facts, target, asker, now)
    loss = loss_of(facts, target)
    before = facts.scheduled
    if before is not None and is_same_wait(before, quote):
        return ScheduledTier(change=before, quote=quote, loss=loss, is_already=True)
    same_tier = tx.tier_changes.find_open_change(facts.license.id, target.id)
    for other in {one.id: one for one in (before, same_tier) if one is not None}.values():
        tx.tier_changes.put_tier_change(withdrawn(other, now))
    change = waiting_change(
        facts, quote, TierChangeId(ids.new()), asker=asker, reason=reason, now=now
    )
    tx.tier_changes.put_tier_change(change)
    tx.trail.append_audit(wait_entry(change, target, actor, now))
    return ScheduledTier(change=change, quote=quote, loss=loss)
