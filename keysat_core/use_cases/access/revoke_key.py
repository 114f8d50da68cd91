"""Revoke an API key."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.api_key import ApiKey
from keysat_core.domain.audit import audited
from keysat_core.domain.events import ApiKeyRevoked, outbox_event
from keysat_core.domain.ids import ApiKeyId, EventId
from keysat_core.limits import WEB_SESSIONS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """The revoked key. Not ``is_new``: it was revoked before, and nothing was done."""

    key: ApiKey
    is_new: bool


def revoke_key(
    actor: Actor, key_id: ApiKeyId, *, store: Store, clock: Clock, ids: Ids
) -> Revocation:
    """End a key and what was opened with it, from the next request on, in every process.

    It is for good. Repeated, nothing changes.

    Raises:
        Forbidden: the actor does not hold the master key.
        NotFound: there is no such key.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        key = tx.api_keys.get_key(key_id)
        if key.revoked_at is not None:
            return Revocation(key=key, is_new=False)
        key = msgspec.structs.replace(key, revoked_at=now)
        tx.api_keys.put_key(key)
        for session in tx.web_sessions.list_sessions(WEB_SESSIONS_MAX):
            if session.api_key_id == key.id:
                tx.web_sessions.remove_session(session.token_hash)
        tx.trail.append_audit(audited(actor, "api_key.revoke", now, target=("api_key", key.id)))
        event = ApiKeyRevoked(api_key_id=key.id)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return Revocation(key=key, is_new=True)
