"""Delete a policy."""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import PolicyDeleted, outbox_event
from keysat_core.domain.ids import EventId, PolicyId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.listing import CascadeCounts
from keysat_core.errors import StillReferenced
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store

BEING_PAID_SECONDS: Final = DAY_SECONDS
"""How long a buyer may still be at the checkout of a pending invoice (B-16)."""


class DeletePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which policy. ``is_forced`` also deletes its licenses, machines and invoices."""

    policy_id: PolicyId
    is_forced: bool = False


class DeletedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is gone."""

    slug: str
    counts: CascadeCounts


def delete_policy(
    actor: Actor, command: DeletePolicy, *, store: Store, clock: Clock, ids: Ids
) -> DeletedPolicy:
    """Delete a policy nobody depends on; by force with everything sold on it (lifecycles 4.6, B-16).

    Raises:
        Forbidden: the actor lacks ``policies:write``.
        NotFound: no such policy.
        StillReferenced: not forced, and a license not revoked, a settled invoice, an invoice a
            buyer may be paying or a live subscription refers to it.
    """
    authorize(actor, Scope.POLICIES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        policy = tx.policies.get_policy(command.policy_id)
        dependents = tx.removals.policy_dependents(policy.id, Instant(now - BEING_PAID_SECONDS))
        blockers = {
            name: count
            for name, count in (
                ("licenses", dependents.licenses),
                ("settled invoices", dependents.settled_invoices),
                ("pending invoices", dependents.pending_invoices),
                ("live subscriptions", dependents.subscriptions),
            )
            if count
        }
        if blockers and not command.is_forced:
            raise StillReferenced("policy", policy.slug, blockers)
        counts = tx.removals.remove_policy(policy.id)
        tx.trail.append_audit(
            audited(
                actor,
                "policy.force_delete" if command.is_forced else "policy.delete",
                now,
                target=("policy", policy.id),
                slug=policy.slug,
                name=policy.name,
                force=command.is_forced,
                cascaded_licenses=counts.licenses,
                cascaded_invoices=counts.invoices,
                cascaded_machines=counts.machines,
                disabled_codes=counts.codes,
                cascaded_redemptions=counts.redemptions,
                cascaded_subscriptions=counts.subscriptions,
            )
        )
        event = PolicyDeleted(policy_id=policy.id, product_id=policy.product_id, slug=policy.slug)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return DeletedPolicy(slug=policy.slug, counts=counts)
