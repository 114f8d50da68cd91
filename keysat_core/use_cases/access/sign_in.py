"""Sign in to the admin pages with the password."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.api_key import hash_token
from keysat_core.domain.audit import audited
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import WEB_PASSWORD_HASH
from keysat_core.domain.web_password import may_be_web_password
from keysat_core.domain.web_session import (
    SESSION_TOKEN_BYTES,
    WebSession,
    open_session,
    session_token,
)
from keysat_core.errors import ConfigurationError, Unauthorized, WebPasswordUnset
from keysat_core.limits import PURGE_BATCH, WEB_SESSIONS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.passwords import Passwords
from keysat_core.ports.store import Store


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The password, and the hash of the session the same browser had, which ends."""

    password: Secret
    replaces: str | None = None


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """The new session, and its token, which only the browser gets."""

    session: WebSession
    token: Secret


def sign_in(
    actor: Actor,
    command: SignIn,
    *,
    store: Store,
    clock: Clock,
    entropy: Entropy,
    passwords: Passwords | None,
) -> SignedIn:
    """Open a session for whoever knows the password. The actor is nobody yet: its kind is web_ui.

    Raises:
        WebPasswordUnset: no password is set, or what is stored is no hash.
        Unauthorized: it is another password, which is audited.
    """
    now = clock.now()
    with store.reading() as tx:
        stored = tx.settings.find_setting(WEB_PASSWORD_HASH)
    if stored is None or passwords is None:
        raise WebPasswordUnset
    if not _fits(command.password, stored, passwords):
        _note_failure(actor, now, store)
        raise Unauthorized
    token = session_token(entropy.token(SESSION_TOKEN_BYTES))
    session = open_session(
        hash_token(token.reveal().encode("ascii")),
        now=now,
        ip=actor.request_ip,
        user_agent=actor.user_agent,
    )
    if not _is_opened(actor, session, stored, command.replaces, store):
        _note_failure(actor, now, store)
        raise Unauthorized
    return SignedIn(session=session, token=token)


def _fits(password: Secret, stored: str, passwords: Passwords) -> bool:
    if not may_be_web_password(password):
        return False
    try:
        passwords.verify_password(password, password_hash=stored)
    except Unauthorized:
        return False
    except ConfigurationError as exc:
        raise WebPasswordUnset from exc
    return True


def _is_opened(
    actor: Actor, session: WebSession, stored: str, replaces: str | None, store: Store
) -> bool:
    now = session.created_at
    with store.writing() as tx:
        if tx.settings.find_setting(WEB_PASSWORD_HASH) != stored:
            # It was changed while it was hashed, and that has ended every session of the old one.
            return False
        if replaces is not None:
            tx.web_sessions.remove_session(replaces)
        tx.web_sessions.purge_sessions(now, PURGE_BATCH)
        tx.web_sessions.keep_latest(WEB_SESSIONS_MAX - 1)
        tx.web_sessions.put_session(session)
        target = ("session", session.name)
        tx.trail.append_audit(audited(actor, "web_ui.login_ok", now, target=target))
    return True


def _note_failure(actor: Actor, now: Instant, store: Store) -> None:
    with store.writing() as tx:
        target = ("settings", WEB_PASSWORD_HASH)
        tx.trail.append_audit(audited(actor, "web_ui.login_failed", now, target=target))
