"""Create an API key."""

from collections.abc import Iterable

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.api_key import (
    TOKEN_BYTES,
    ApiKey,
    api_key_token,
    checked_extra_scopes,
    checked_label,
    checked_role,
    hash_token,
)
from keysat_core.domain.audit import audited
from keysat_core.domain.events import ApiKeyCreated, outbox_event
from keysat_core.domain.ids import ApiKeyId, EventId
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError
from keysat_core.limits import API_KEYS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class CreateKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key: for whom, what for, and what it may do beside its role."""

    label: str
    role: str
    scopes: Iterable[str] = ()


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key, and its token, which nobody can be shown again."""

    key: ApiKey
    token: Secret


def create_key(
    actor: Actor, command: CreateKey, *, store: Store, clock: Clock, ids: Ids, entropy: Entropy
) -> NewKey:
    """Store a new key by the hash of its token.

    Raises:
        Forbidden: the actor does not hold the master key.
        InvariantError: the label, the role or a scope breaks a rule, or there are too many keys.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    token = api_key_token(entropy.token(TOKEN_BYTES))
    key = ApiKey(
        id=ApiKeyId(ids.new()),
        label=checked_label(command.label),
        token_hash=hash_token(token.reveal().encode("ascii")),
        role=checked_role(command.role),
        extra_scopes=checked_extra_scopes(command.scopes),
        created_at=now,
    )
    with store.writing() as tx:
        if tx.api_keys.count_live() >= API_KEYS_MAX:
            raise InvariantError("label", f"there are {API_KEYS_MAX} API keys; revoke one first")
        tx.api_keys.put_key(key)
        tx.trail.append_audit(
            audited(
                actor,
                "api_key.create",
                now,
                target=("api_key", key.id),
                label=key.label,
                role=key.role,
                scopes=list(key.extra_scopes),
            )
        )
        event = ApiKeyCreated(api_key_id=key.id, role=key.role, scopes=key.extra_scopes)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return NewKey(key=key, token=token)
