"""Find the session of a browser, and end it."""

from keysat_core.domain.actor import Actor
from keysat_core.domain.api_key import hash_token
from keysat_core.domain.audit import audited
from keysat_core.domain.web_session import (
    SHOWN_HASH_CHARS,
    WebSession,
    is_live,
    is_session_token,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


def find_session_of(token: bytes, *, store: Store, clock: Clock) -> WebSession | None:
    """Give the session a token belongs to; None for any other token, and once it has ended."""
    if not is_session_token(token):
        return None
    with store.reading() as tx:
        session = tx.web_sessions.find_session(hash_token(token))
    return None if session is None or not is_live(session, clock.now()) else session


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
