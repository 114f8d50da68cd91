"""Audit entries: who changed what, when and from where (admin-api 6)."""

from collections.abc import Iterable, Mapping

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import Instant, rfc3339_or_none


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
    """Describe a mutation of ``target`` (kind, id) by an actor; its ids are among the details (B-08)."""
    kind, key = target or (None, None)
    if actor.id is not None:
        details = {**details, "actor_id": actor.id}
    if actor.api_key_id is not None:
        details = {**details, "api_key_id": actor.api_key_id}
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


def before_and_after(
    before: msgspec.Struct, after: msgspec.Struct, fields: Iterable[str]
) -> dict[str, JSONValue]:
    """Say what fields were and have become, those alone that differ: details of a change.

    Never to be asked of a field that holds a secret. Documents are left out: they may be long.
    """
    named = [
        name
        for name in fields
        if name != "metadata" and getattr(before, name) != getattr(after, name)
    ]
    return {
        "before": {name: _shown(name, getattr(before, name)) for name in named},
        "after": {name: _shown(name, getattr(after, name)) for name in named},
    }


def _shown(name: str, value: object) -> JSONValue:
    if name.endswith("_at") and (value is None or isinstance(value, int)):
        return rfc3339_or_none(None if value is None else Instant(value))
    plain: JSONValue = msgspec.to_builtins(value)
    return plain
