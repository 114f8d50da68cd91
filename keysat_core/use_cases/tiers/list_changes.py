"""Show the operator what a change of tier would do, and which there have been."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.self_license import SelfLicense, refuse_own_license
from keysat_core.domain.tier_change import ChangeActor, TierChange
from keysat_core.domain.tier_comp import TierLoss, loss_of
from keysat_core.domain.tier_quote import TierQuote, quote_change, quote_comp, quote_wait
from keysat_core.domain.tier_request import ChangeRequest, checked_target, is_waiting
from keysat_core.errors import NotFound
from keysat_core.limits import TIER_CHANGES_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


class QuotedTier(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would cost, and what the license would lose."""

    quote: TierQuote
    loss: TierLoss


class ChangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A change with the names an operator reads; None where the tier is gone."""

    change: TierChange
    from_slug: str | None
    to_slug: str | None


def preview_change(
    actor: Actor,
    request: ChangeRequest,
    *,
    is_paid: bool,
    store: Store,
    clock: Clock,
    self_license: SelfLicense,
) -> QuotedTier:
    """Quote a change as an operator would make it; nothing is written.

    ``is_paid``: as it would be if the buyer paid for it, which waits for an unpaid renewal (D46).

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
        InvariantError: a field breaks a rule.
        NotFound: no such license or tier.
        TierChangeRefused: the message says why.
    """
    authorize(actor, Scope.LICENSES_READ)
    slug = checked_target(request.target_slug, field="to_policy_slug")
    must_wait = is_waiting(request.apply_at)
    refuse_own_license(self_license, request.license_id)
    now = clock.now()
    with store.reading() as tx:
        facts = tx.sales.get_tier_facts(request.license_id)
        target = tx.policies.find_policy_by_slug(facts.product.id, slug)
    if target is None:
        raise NotFound("policy", slug)
    if must_wait:
        quote = quote_wait(facts, target, ChangeActor.ADMIN, now)
    elif is_paid:
        quote = quote_change(facts, target, ChangeActor.ADMIN, now)
    else:
        quote = quote_comp(facts, target, now)
    return QuotedTier(quote=quote, loss=loss_of(facts, target))


def list_tier_changes(actor: Actor, license_id: LicenseId, *, store: Store) -> list[ChangeRow]:
    """Give the changes of a license, newest first (B-34).

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
        NotFound: no such license.
    """
    authorize(actor, Scope.LICENSES_READ)
    with store.reading() as tx:
        license = tx.licenses.get_license(license_id)
        slugs = {policy.id: policy.slug for policy in tx.policies.list_policies(license.product_id)}
        changes = tx.tier_changes.list_tier_changes(license_id, TIER_CHANGES_MAX)
    return [
        ChangeRow(
            change=change,
            from_slug=slugs.get(change.from_policy_id),
            to_slug=slugs.get(change.to_policy_id),
        )
        for change in changes
    ]
