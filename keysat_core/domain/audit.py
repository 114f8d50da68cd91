"""Audit entries: who changed what, when and from where (admin-api 6)."""

from collections.abc import Mapping

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import Instant


# Without reference cycles, so the collector can leave a hundred thousand of them alone.
class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One mutation. ``action`` is dotted (``license.revoke``); details hold no secret."""

    actor_kind: str
    actor_hash: str | None
    action: str
    target_kind: str | None
    target_id: str | None
    request_ip: str | None
    user_agent: str | None
    request_id: str | None
    details: Mapping[str, JSONValue]
    occurred_at: Instant


def audited(
    actor: Actor,
    action: str,
    now: Instant,
    /,
    *,
    target: tuple[str, str] | None = None,
    **details: JSONValue,
) -> AuditEntry:
    """Describe a mutation of ``target`` (kind, id) by an actor; its id is among the details (B-08)."""
    kind, key = target or (None, None)
    if actor.id is not None:
        details = {**details, "actor_id": actor.id}
    return AuditEntry(
        actor_kind=actor.kind,
        actor_hash=actor.hash,
        action=action,
        target_kind=kind,
        target_id=key,
        request_ip=actor.request_ip,
        user_agent=actor.user_agent,
        request_id=actor.request_id,
        details=details,
        occurred_at=now,
    )
