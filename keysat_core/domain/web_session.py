"""Sessions of people signed in to the admin pages. Source: admin-api 1.4, B-02 and B-05.

A session is known by the SHA-256 of its token; the token itself is only in its browser's cookie.
What somebody signed in with decides what the session may do, for as long as that holds.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from enum import StrEnum
from hashlib import sha256
from typing import Final

import msgspec

from keysat_core.domain.actor import EVERY_SCOPE, Scope
from keysat_core.domain.api_key import ApiKey
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.limits import (
    CREDENTIAL_USE_SECONDS,
    WEB_SESSION_SECONDS,
    WEB_SESSION_SECONDS_MAX,
)

SESSION_TOKEN_BYTES: Final = 32
"""Random bytes of a session's token (admin-api 1.4)."""

SHOWN_HASH_CHARS: Final = 12
"""How much of a session's hash is in the audit log: enough to tell sessions apart (B-02)."""

_TOKEN: Final = re.compile(rb"[A-Za-z0-9_-]{43}")
_CSRF_PURPOSE: Final = b"keysat csrf token, version 1"


class SignInMeans(StrEnum):
    """What somebody signed in with."""

    PASSWORD = "password"  # noqa: S105  it names one and is none
    MASTER_KEY = "master_key"
    API_KEY = "api_key"


class WebSession(msgspec.Struct, frozen=True, kw_only=True):
    """One session. ``token_hash`` is the lower-hex SHA-256 of its token.

    ``api_key_id`` and ``master_key_hash`` say what it was opened with; both are None for the password.
    """

    token_hash: str
    created_at: Instant
    expires_at: Instant
    last_seen_at: Instant
    ip: str | None = None
    user_agent: str | None = None
    api_key_id: ApiKeyId | None = None
    master_key_hash: str | None = None

    @property
    def means(self) -> SignInMeans:
        """What somebody signed in with."""
        if self.api_key_id is not None:
            return SignInMeans.API_KEY
        return SignInMeans.PASSWORD if self.master_key_hash is None else SignInMeans.MASTER_KEY

    @property
    def name(self) -> str:
        """What the session is called where its hash must not be."""
        return self.token_hash[:SHOWN_HASH_CHARS]


class FoundSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is open, what it may do, and the API key somebody signed in with."""

    session: WebSession
    scopes: frozenset[Scope]
    key: ApiKey | None = None


def session_token(entropy: bytes) -> Secret:
    """Spell a token of ``SESSION_TOKEN_BYTES`` random bytes: 43 characters."""
    return Secret(_base64url(entropy))


def is_session_token(token: bytes) -> bool:
    """Tell whether this may be a token at all, so that nothing else is looked up."""
    return _TOKEN.fullmatch(token) is not None


def open_session(
    token_hash: str,
    *,
    now: Instant,
    ip: str | None,
    user_agent: str | None,
    api_key_id: ApiKeyId | None = None,
    master_key_hash: str | None = None,
) -> WebSession:
    """Begin a session, with the password if with neither key."""
    return WebSession(
        token_hash=token_hash,
        created_at=now,
        expires_at=Instant(now + WEB_SESSION_SECONDS),
        last_seen_at=now,
        ip=ip,
        user_agent=user_agent,
        api_key_id=api_key_id,
        master_key_hash=master_key_hash,
    )


def is_live(session: WebSession, now: Instant) -> bool:
    """Tell whether the session still proves something; its last second included.

    One that would last for longer than any may was begun by a wrong clock, and proves nothing.
    """
    return now <= session.expires_at <= now + WEB_SESSION_SECONDS_MAX


def scopes_in(session: WebSession, key: ApiKey | None, *, master_key_hash: str) -> frozenset[Scope]:
    """Give what a session may do: nothing once what it was opened with is no longer good.

    ``key`` is the API key of ``session.api_key_id``; ``master_key_hash`` that of the key of today.
    """
    if session.api_key_id is not None:
        return frozenset() if key is None or key.id != session.api_key_id else key.scopes
    if session.master_key_hash is None:
        return EVERY_SCOPE
    is_same = hmac.compare_digest(session.master_key_hash, master_key_hash)
    return EVERY_SCOPE if is_same else frozenset()


def seen(session: WebSession, now: Instant) -> WebSession | None:
    """Give the session as it is after a use; None if it was seen within the last minute.

    Each use lets it last for another day, up to a week after it began.
    """
    if now - session.last_seen_at < CREDENTIAL_USE_SECONDS:
        return None
    ends_at = min(now + WEB_SESSION_SECONDS, session.created_at + WEB_SESSION_SECONDS_MAX)
    return msgspec.structs.replace(
        session, last_seen_at=now, expires_at=Instant(max(session.expires_at, ends_at))
    )


def csrf_token(token: Secret) -> Secret:
    """Derive what a page sends with its requests to prove that it can read this site's answers.

    Only who has the session's token can make it, and the token cannot be found from it.
    """
    digest = hmac.digest(token.reveal().encode("ascii"), _CSRF_PURPOSE, sha256)
    return Secret(_base64url(digest))


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
