"""Create a policy."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import checked_entitlements
from keysat_core.domain.events import PolicyCreated, outbox_event
from keysat_core.domain.ids import EventId, PolicyId
from keysat_core.domain.instant import Instant
from keysat_core.domain.policy import GRACE_PERIOD_DAYS_DEFAULT, Policy, read_tip
from keysat_core.domain.product import Product
from keysat_core.domain.self_license import (
    Capability,
    SelfLicense,
    refuse_beyond_cap,
    refuse_without,
)
from keysat_core.domain.text import checked_slug
from keysat_core.errors import NotFound, SlugTaken
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class CreatePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A new tier of a product; units as in ``Policy``."""

    product_slug: str
    slug: str
    name: str
    duration_seconds: int = 0
    grace_seconds: int = 0
    max_machines: int = 1
    is_trial: bool = False
    price_sats_override: int | None = None
    entitlements: tuple[str, ...] = ()
    metadata: JSONValue = msgspec.field(default_factory=dict)
    tip_recipient: str | None = None
    tip_pct_bps: int = 0
    tip_label: str | None = None
    is_recurring: bool = False
    renewal_period_days: int = 0
    grace_period_days: int = GRACE_PERIOD_DAYS_DEFAULT
    trial_days: int = 0
    tier_rank: int | None = None


def create_policy(
    actor: Actor,
    command: CreatePolicy,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
) -> Policy:
    """Store a new policy: active, public, not archived.

    Source: admin-api 2.5; order of checks: scope, product, cap, fields, capability, catalog, slug.

    Raises:
        Forbidden: the actor lacks ``policies:write``.
        NotFound: no product has the slug.
        TierCapReached: the operator's tier allows no more policies, or none that recur.
        InvariantError: a field breaks a rule.
        SlugTaken: the product has a policy with the slug.
    """
    authorize(actor, Scope.POLICIES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        product = tx.products.find_product_by_slug(command.product_slug)
        if product is None:
            raise NotFound("product", command.product_slug)
        refuse_beyond_cap(
            self_license,
            noun="policies per product",
            cap=self_license.policies_cap,
            count=tx.policies.count_policies(product.id),
        )
        policy = _policy(command, product, PolicyId(ids.new()), now)
        if policy.is_recurring:
            refuse_without(self_license, Capability.RECURRING_BILLING)
        checked_entitlements(policy.entitlements, product.entitlements_catalog)
        if tx.policies.find_policy_by_slug(product.id, policy.slug) is not None:
            raise SlugTaken("policy", policy.slug)
        tx.policies.put_policy(policy)
        tx.trail.append_audit(
            audited(
                actor,
                "policy.create",
                now,
                target=("policy", policy.id),
                product_id=product.id,
                slug=policy.slug,
            )
        )
        event = PolicyCreated(policy_id=policy.id, product_id=product.id, slug=policy.slug)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return policy


def _policy(command: CreatePolicy, product: Product, policy_id: PolicyId, now: Instant) -> Policy:
    return Policy(
        id=policy_id,
        product_id=product.id,
        slug=checked_slug(command.slug),
        name=command.name,
        duration_seconds=command.duration_seconds,
        grace_seconds=command.grace_seconds,
        max_machines=command.max_machines,
        is_trial=command.is_trial,
        price_sats_override=command.price_sats_override,
        entitlements=command.entitlements,
        metadata=command.metadata,
        tip=read_tip(command.tip_recipient, command.tip_pct_bps, command.tip_label),
        is_recurring=command.is_recurring,
        renewal_period_days=command.renewal_period_days,
        grace_period_days=command.grace_period_days,
        trial_days=command.trial_days,
        tier_rank=command.tier_rank,
        created_at=now,
        updated_at=now,
    )
