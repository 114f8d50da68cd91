"""Change a policy's terms, or its tip."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited, before_and_after
from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import checked_entitlements
from keysat_core.domain.events import outbox_event, policy_updated
from keysat_core.domain.ids import EventId, PolicyId
from keysat_core.domain.policy import Policy, read_tip
from keysat_core.domain.self_license import Capability, SelfLicense, refuse_without
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store

NULLABLE = ("price_sats_override", "tier_rank")
_UPDATE = "policy.update"

PLAIN = (
    "name",
    "duration_seconds",
    "grace_seconds",
    "max_machines",
    "is_trial",
    "entitlements",
    "metadata",
    "is_recurring",
    "renewal_period_days",
    "grace_period_days",
    "trial_days",
    "active",
    "public",
)


class UpdatePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Fields to change; what is UNSET stays. None clears the override or the rank.

    ``metadata_changes`` sets single keys of the metadata, and takes away those that are None.
    """

    policy_id: PolicyId
    name: str | UnsetType = UNSET
    duration_seconds: int | UnsetType = UNSET
    grace_seconds: int | UnsetType = UNSET
    max_machines: int | UnsetType = UNSET
    is_trial: bool | UnsetType = UNSET
    price_sats_override: int | UnsetType | None = UNSET
    entitlements: tuple[str, ...] | UnsetType = UNSET
    metadata: JSONValue | UnsetType = UNSET
    metadata_changes: dict[str, JSONValue] | UnsetType = UNSET
    is_recurring: bool | UnsetType = UNSET
    renewal_period_days: int | UnsetType = UNSET
    grace_period_days: int | UnsetType = UNSET
    trial_days: int | UnsetType = UNSET
    tier_rank: int | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET
    public: bool | UnsetType = UNSET


class SetTip(msgspec.Struct, frozen=True, kw_only=True):
    """A new tip for a policy; all three fields are replaced."""

    policy_id: PolicyId
    tip_recipient: str | None = None
    tip_pct_bps: int
    tip_label: str | None = None


def update_policy(
    actor: Actor,
    command: UpdatePolicy,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
) -> Policy:
    """Store a changed policy; rules are checked on the merged result. Issued licenses keep theirs.

    Raises:
        Forbidden: the actor lacks ``policies:write``.
        NotFound: no such policy.
        InvariantError: a field breaks a rule.
        TierCapReached: it becomes recurring and the operator's tier does not include that.
    """
    authorize(actor, Scope.POLICIES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        policy = tx.policies.get_policy(command.policy_id)
        changes = _changes(policy, command)
        if not changes:
            return policy
        changed = msgspec.structs.replace(policy, updated_at=now, **changes)
        if changed.is_recurring and not policy.is_recurring:
            refuse_without(self_license, Capability.RECURRING_BILLING)
        if "entitlements" in changes:
            catalog = tx.products.get_product(policy.product_id).entitlements_catalog
            checked_entitlements(changed.entitlements, catalog)
        tx.policies.put_policy(changed)
        details = {key: value for key, value in changes.items() if key != "metadata"}
        action = _action(changes)
        if action == _UPDATE:
            details |= before_and_after(policy, changed, changes)
        target = ("policy", policy.id)
        tx.trail.append_audit(audited(actor, action, now, target=target, **details))
        event = policy_updated(changed, *changes)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return changed


def set_tip(actor: Actor, command: SetTip, *, store: Store, clock: Clock, ids: Ids) -> Policy:
    """Replace a policy's tip; a blank recipient with 0 removes it.

    Raises:
        Forbidden: the actor lacks ``policies:write``.
        NotFound: no such policy.
        InvariantError: the three fields do not go together.
    """
    authorize(actor, Scope.POLICIES_WRITE)
    now = clock.now()
    tip = read_tip(command.tip_recipient, command.tip_pct_bps, command.tip_label)
    with store.writing() as tx:
        policy = tx.policies.get_policy(command.policy_id)
        changed = msgspec.structs.replace(policy, tip=tip, updated_at=now)
        tx.policies.put_policy(changed)
        tx.trail.append_audit(
            audited(
                actor,
                "policy.set_tip",
                now,
                target=("policy", policy.id),
                tip_recipient=tip.recipient if tip else None,
                tip_pct_bps=tip.pct_bps if tip else 0,
                tip_label=tip.label if tip else None,
                **before_and_after(policy, changed, ["tip"]),
            )
        )
        event = policy_updated(changed, "tip")
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return changed


def _changes(policy: Policy, command: UpdatePolicy) -> dict[str, JSONValue]:
    asked = {field: getattr(command, field) for field in (*PLAIN, *NULLABLE)}
    if not isinstance(command.metadata_changes, UnsetType):
        kept = policy.metadata if asked["metadata"] is UNSET else asked["metadata"]
        merged = {**(kept if isinstance(kept, dict) else {}), **command.metadata_changes}
        gone = {key for key, value in command.metadata_changes.items() if value is None}
        asked["metadata"] = {key: value for key, value in merged.items() if key not in gone}
    return {
        field: value
        for field, value in asked.items()
        if value is not UNSET and value != getattr(policy, field)
    }


def _action(changes: dict[str, JSONValue]) -> str:
    match sorted(changes):
        case ["active"]:
            return "policy.set_active"
        case ["public"]:
            return "policy.set_public"
        case _:
            return _UPDATE
