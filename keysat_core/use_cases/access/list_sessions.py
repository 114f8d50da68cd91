"""Read who is signed in to the admin pages."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.web_session import FoundSession, is_live, scopes_in
from keysat_core.limits import WEB_SESSIONS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


def list_sessions(
    actor: Actor, *, master_key_hash: str, store: Store, clock: Clock
) -> list[FoundSession]:
    """Give every session that is open, the one seen last first, with the API key behind it.

    Raises:
        Forbidden: the actor does not hold the master key.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    found = []
    with store.reading() as tx:
        for session in tx.web_sessions.list_sessions(WEB_SESSIONS_MAX):
            key = None if session.api_key_id is None else tx.api_keys.get_key(session.api_key_id)
            scopes = scopes_in(session, key, master_key_hash=master_key_hash)
            if scopes and is_live(session, now):
                found.append(FoundSession(session=session, scopes=scopes, key=key))
    return found
