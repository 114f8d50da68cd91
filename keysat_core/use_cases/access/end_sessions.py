"""End sessions of the admin pages: one, or all others."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.instant import Instant
from keysat_core.domain.web_session import WebSession
from keysat_core.errors import NotFound
from keysat_core.limits import WEB_SESSIONS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store, Transaction


def end_session(actor: Actor, name: str, *, store: Store, clock: Clock) -> WebSession:
    """Sign somebody out by their session's name, from their next request on, in every process.

    Raises:
        Forbidden: the actor does not hold the master key.
        NotFound: no session of this name is open.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        session = _named(tx, name)
        _end(tx, actor, session, now)
    return session


def end_other_sessions(actor: Actor, keep: str, *, store: Store, clock: Clock) -> int:
    """Sign out everybody but one session, and give how many there were.

    Raises:
        Forbidden: the actor does not hold the master key.
        NotFound: no session is called ``keep``; then nobody is signed out.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        kept = _named(tx, keep)
        others = [one for one in tx.web_sessions.list_sessions(WEB_SESSIONS_MAX) if one != kept]
        for session in others:
            _end(tx, actor, session, now)
    return len(others)


def _named(tx: Transaction, name: str) -> WebSession:
    for session in tx.web_sessions.list_sessions(WEB_SESSIONS_MAX):
        if session.name == name:
            return session
    raise NotFound("session", name)


def _end(tx: Transaction, actor: Actor, session: WebSession, now: Instant) -> None:
    tx.web_sessions.remove_session(session.token_hash)
    opened_with = {} if session.api_key_id is None else {"opened_with_key": session.api_key_id}
    row = audited(
        actor,
        "web_ui.end_session",
        now,
        target=("session", session.name),
        opened_by=session.means,
        **opened_with,
    )
    tx.trail.append_audit(row)
