"""Sign in to the admin pages with the password, the master key or an API key."""

import hmac

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.api_key import ApiKey, hash_token, is_api_key_token
from keysat_core.domain.audit import audited
from keysat_core.domain.document import JSONValue
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import WEB_PASSWORD_HASH
from keysat_core.domain.web_password import may_be_web_password
from keysat_core.domain.web_session import (
    SESSION_TOKEN_BYTES,
    SignInMeans,
    WebSession,
    open_session,
    session_token,
)
from keysat_core.errors import ConfigurationError, Unauthorized, WebPasswordUnset
from keysat_core.limits import PURGE_BATCH, WEB_SESSIONS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.passwords import Passwords
from keysat_core.ports.store import Store, Transaction


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The password, and the hash of the session the same browser had, which ends."""

    password: Secret
    replaces: str | None = None


class SignInWithKey(msgspec.Struct, frozen=True, kw_only=True):
    """The master key or the token of an API key; ``replaces`` as in ``SignIn``."""

    key: Secret
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
    is_right = _fits(command.password, stored, passwords)
    opened = _opened(actor, now, entropy)
    with store.writing() as tx:
        # If it was changed while it was hashed, that has ended every session of the old one.
        if is_right and tx.settings.find_setting(WEB_PASSWORD_HASH) == stored:
            _put(tx, actor, opened.session, command.replaces, by=SignInMeans.PASSWORD)
            return opened
        target = ("settings", WEB_PASSWORD_HASH)
        _note_failure(tx, actor, now, target, by=SignInMeans.PASSWORD)
    raise Unauthorized


def sign_in_with_key(
    actor: Actor,
    command: SignInWithKey,
    *,
    master_key_hash: str,
    store: Store,
    clock: Clock,
    entropy: Entropy,
) -> SignedIn:
    """Open a session that may do what a key may, and lasts no longer than the key is good.

    ``master_key_hash`` is the lower-hex SHA-256 of the master key. The actor is as for ``sign_in``.

    Raises:
        Unauthorized: nobody knows the key, or it was revoked, which is audited.
    """
    now = clock.now()
    shown = command.key.reveal().encode("utf-8", "replace")
    shown_hash = hash_token(shown)
    if hmac.compare_digest(shown_hash, master_key_hash):
        opened = _opened(actor, now, entropy, master_key_hash=master_key_hash)
        with store.writing() as tx:
            _put(tx, actor, opened.session, command.replaces, by=SignInMeans.MASTER_KEY)
        return opened
    with store.writing() as tx:
        key = tx.api_keys.find_by_token_hash(shown_hash) if is_api_key_token(shown) else None
        named = {} if key is None else _named(key)
        if key is not None and key.revoked_at is None:
            opened = _opened(actor, now, entropy, api_key_id=key.id)
            _put(tx, actor, opened.session, command.replaces, by=SignInMeans.API_KEY, **named)
            tx.api_keys.note_used(key.id, now)
            return opened
        # A key that nobody knows is nobody's: there is nothing that its row could be about.
        revoked = None if key is None else ("api_key", str(key.id))
        _note_failure(tx, actor, now, revoked, by=SignInMeans.API_KEY, **named)
    raise Unauthorized


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


def _opened(
    actor: Actor,
    now: Instant,
    entropy: Entropy,
    *,
    api_key_id: ApiKeyId | None = None,
    master_key_hash: str | None = None,
) -> SignedIn:
    token = session_token(entropy.token(SESSION_TOKEN_BYTES))
    session = open_session(
        hash_token(token.reveal().encode("ascii")),
        now=now,
        ip=actor.request_ip,
        user_agent=actor.user_agent,
        api_key_id=api_key_id,
        master_key_hash=master_key_hash,
    )
    return SignedIn(session=session, token=token)


def _named(key: ApiKey) -> dict[str, JSONValue]:
    return {"api_key_id": key.id, "label": key.label}


def _put(
    tx: Transaction,
    actor: Actor,
    session: WebSession,
    replaces: str | None,
    **details: JSONValue,
) -> None:
    now = session.created_at
    if replaces is not None:
        tx.web_sessions.remove_session(replaces)
    tx.web_sessions.purge_sessions(now, PURGE_BATCH)
    tx.web_sessions.keep_latest(WEB_SESSIONS_MAX - 1)
    tx.web_sessions.put_session(session)
    target = ("session", session.name)
    tx.trail.append_audit(audited(actor, "web_ui.login_ok", now, target=target, **details))


def _note_failure(
    tx: Transaction,
    actor: Actor,
    now: Instant,
    target: tuple[str, str] | None,
    **details: JSONValue,
) -> None:
    tx.trail.append_audit(audited(actor, "web_ui.login_failed", now, target=target, **details))
