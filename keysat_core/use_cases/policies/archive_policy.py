"""Take a policy off sale for good, or put it back."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import outbox_event, policy_updated
from keysat_core.domain.ids import EventId, PolicyId
from keysat_core.domain.policy import Policy
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class ArchivePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which policy, and whether it is to be archived or not."""

    policy_id: PolicyId
    archived: bool


class ArchivedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy. ``is_already``: it was in the asked state before (decisions 10)."""

    policy: Policy
    is_already: bool


def archive_policy(
    actor: Actor, command: ArchivePolicy, *, store: Store, clock: Clock, ids: Ids
) -> ArchivedPolicy:
    """Archive or unarchive. Archiving an archived policy stamps it anew (lifecycles 4.1).

    Raises:
        Forbidden: the actor lacks ``policies:write``.
        NotFound: no such policy.
    """
    authorize(actor, Scope.POLICIES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        policy = tx.policies.get_policy(command.policy_id)
        is_already = policy.is_archived == command.archived
        if is_already and not command.archived:
            return ArchivedPolicy(policy=policy, is_already=True)
        changed = policy.archive(now) if command.archived else policy.unarchive(now)
        tx.policies.put_policy(changed)
        action = "policy.archive" if command.archived else "policy.unarchive"
        target = ("policy", policy.id)
        tx.trail.append_audit(audited(actor, action, now, target=target, archived=command.archived))
        event = policy_updated(changed, "archived_at")
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return ArchivedPolicy(policy=changed, is_already=is_already)
