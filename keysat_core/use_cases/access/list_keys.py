"""Read API keys."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.api_key import ApiKey, ApiKeyPage, hash_token, is_api_key_token
from keysat_core.limits import API_KEYS_PAGE_MAX
from keysat_core.ports.store import Store


def list_keys(
    actor: Actor, *, limit: int = API_KEYS_PAGE_MAX, offset: int = 0, store: Store
) -> ApiKeyPage:
    """Give one page of keys, newest first, revoked ones too.

    Raises:
        Forbidden: the actor does not hold the master key.
    """
    authorize(actor, Scope.MASTER)
    with store.reading() as tx:
        return tx.api_keys.list_keys(limit=min(limit, API_KEYS_PAGE_MAX), offset=offset)


def find_key_of(token: bytes, *, store: Store) -> ApiKey | None:
    """Give the key a token belongs to; None for any other token, and once the key is revoked."""
    if not is_api_key_token(token):
        return None
    with store.reading() as tx:
        key = tx.api_keys.find_by_token_hash(hash_token(token))
    return None if key is None or key.revoked_at is not None else key
