"""Find the session of a browser, and end it."""

from keysat_core.domain.actor import Actor
from keysat_core.domain.api_key import hash_token
from keysat_core.domain.audit import audited
from keysat_core.domain.web_session import (
    SHOWN_HASH_CHARS,
    FoundSession,
    is_live,
    is_session_token,
    scopes_in,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


def find_session_of(
    token: bytes, *, master_key_hash: str, store: Store, clock: Clock
) -> FoundSession | None:
    """Give the session a token belongs to; None for any other token, and once it has ended.

    It ends with what it was opened with: a revoked API key, or a master key that is another today.
    """
    if not is_session_token(token):
        return None
    with store.reading() as tx:
        session = tx.web_sessions.find_session(hash_token(token))
        if session is None or not is_live(session, clock.now()):
            return None
        key = None if session.api_key_id is None else tx.api_keys.get_key(session.api_key_id)
    scopes = scopes_in(session, key, master_key_hash=master_key_hash)
    return FoundSession(session=session, scopes=scopes, key=key) if scopes else None


def sign_out(actor: Actor, token_hash: str, *, store: Store, clock: Clock) -> bool:
    """End a session, and tell whether there was one. The actor is who it was for.

    Whoever knows a session's token may end it, so there is nothing to authorize.
    """
    now = clock.now()
    with store.writing() as tx:
        if not tx.web_sessions.remove_session(token_hash):
            return False
        target = ("session", token_hash[:SHOWN_HASH_CHARS])
        tx.trail.append_audit(audited(actor, "web_ui.logout", now, target=target))
    return True
