"""Sessions as credentials: the cookie, what a request with it must show, and its renewal.

A browser sends a cookie along whoever made it send the request. So a request that changes
something must also show the session's CSRF token, which only a page that can read this server's
answers knows; and none may come from another site. Source: admin-api 1.1, 1.4, B-02, B-05, B-11.
"""

import hmac
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec
import structlog
from litestar.types import HTTPScope, Scope

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.actor import Scope as Permission
from keysat_core.domain.api_key import ApiKey
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.web_session import WebSession, csrf_token, seen
from keysat_core.errors import CrossSiteRequest, CsrfTokenInvalid, ServerFault
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.access.sign_out import find_session_of
from keysat_http.auth import Credential
from keysat_http.client_address import Caller, Callers
from keysat_http.outgoing import MORE_HEADERS
from keysat_http.uses import UseBook

COOKIE: Final = "keysat_session"
CSRF_HEADER: Final = "X-CSRF-Token"

_COOKIE: Final = COOKIE.encode("ascii")
_CSRF_HEADER: Final = CSRF_HEADER.lower().encode("ascii")
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_OWN_SITES: Final = frozenset({b"same-origin", b"none"})
"""Source: Fetch Metadata, Sec-Fetch-Site. ``none``: a person typed the address or used a bookmark.

``same-site`` is another host of the same domain, which need not be the operator's.
"""

log = structlog.get_logger("keysat.http")


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session and the token its browser has."""

    session: WebSession
    token: Secret
    scopes: frozenset[Permission]
    key: ApiKey | None = None
    """The API key somebody signed in with."""


class WebSessions:
    """Reads and writes the session's cookie.

    A session may do what the key may that somebody signed in with; with the password, that is the
    master key.
    """

    def __init__(
        self,
        ports: Ports,
        uses: UseBook,
        callers: Callers,
        *,
        master_key: Secret,
        is_cookie_secure: bool,
    ) -> None:
        self._ports = ports
        self._uses = uses
        self.master_key_hash = sha256(master_key.reveal().encode("utf-8")).hexdigest()
        self._callers = callers
        self._is_always_secure = is_cookie_secure

    def find_open(self, scope: Scope) -> OpenSession | None:
        """Give the session of a request's cookie; trouble with the database means none."""
        token = cookie_of(scope)
        if token is None:
            return None
        try:
            found = find_session_of(
                token,
                master_key_hash=self.master_key_hash,
                store=self._ports.store,
                clock=self._ports.clock,
            )
        except ServerFault as exc:
            log.warning("session_unread", code=exc.code, problem=str(exc))
            return None
        if found is None:
            return None
        return OpenSession(
            session=found.session,
            token=Secret(token.decode("ascii")),
            scopes=found.scopes,
            key=found.key,
        )

    def find_credential(self, scope: HTTPScope) -> Credential | None:
        """Give what a request's cookie proves; None when there is no session.

        Raises:
            CrossSiteRequest: another site had the browser send it.
            CsrfTokenInvalid: it may change something and does not show the session's token.
        """
        found = self.find_open(scope)
        if found is None:
            return None
        refuse_cross_site(scope)
        if scope["method"] not in _SAFE_METHODS:
            _check_csrf(scope, found.token)
        return Credential(
            kind=ActorKind.WEB_SESSION,
            id=found.session.name,
            api_key_id=found.session.api_key_id,
            hash=self._hash_of(found),
            scopes=found.scopes,
            note_use=partial(self._renew, scope, found, self._ports.clock.now()),
        )

    def actor_of(self, found: OpenSession, caller: Caller) -> Actor:
        """Give the actor that a session is outside of the admin API."""
        return Actor(
            kind=ActorKind.WEB_SESSION,
            id=found.session.name,
            api_key_id=found.session.api_key_id,
            hash=self._hash_of(found),
            request_ip=caller.address,
            user_agent=caller.user_agent,
            request_id=caller.request_id,
        )

    def cookie(self, scope: Scope, session: WebSession, token: Secret, now: Instant) -> str:
        """Spell the cookie of a session for as long as that lasts."""
        return self._spelled(scope, token.reveal(), max(0, session.expires_at - now))

    def no_cookie(self, scope: Scope) -> str:
        """Spell the cookie that takes a session's away."""
        return self._spelled(scope, "", 0)

    def _hash_of(self, found: OpenSession) -> str:
        """Give the hash of the key behind a session, by which its audit rows are found (B-08)."""
        return self.master_key_hash if found.key is None else found.key.token_hash

    def _spelled(self, scope: Scope, value: str, max_age: int) -> str:
        """Spell it for https only; where plain http is allowed, for whoever comes by https.

        Source: admin-api B-11, startos 3.
        """
        is_secure = self._is_always_secure or self._callers.is_over_https(scope)
        secure = "; Secure" if is_secure else ""
        return f"{COOKIE}={value}; Path=/; HttpOnly{secure}; SameSite=Strict; Max-Age={max_age}"

    def _renew(self, scope: HTTPScope, found: OpenSession, now: Instant) -> None:
        """Let the session and its cookie last longer, once a minute (B-05)."""
        if found.key is not None:
            self._uses.note_key(found.key.id, found.key.last_used_at, now)
        longer = seen(found.session, now)
        if longer is None or not self._uses.note_session(found.session.token_hash, now):
            return
        headers = scope["state"].get(MORE_HEADERS)
        if headers is not None:
            cookie = self.cookie(scope, longer, found.token, now)
            headers.append((b"set-cookie", cookie.encode("ascii")))


def cookie_of(scope: Scope) -> bytes | None:
    """Give the value of the first cookie of our name, without space and quotes around it."""
    for name, value in scope["headers"]:
        if name != b"cookie":
            continue
        for pair in value.split(b";"):
            key, equals, text = pair.partition(b"=")
            if equals and key.strip() == _COOKIE:
                return text.strip().strip(b'"')
    return None


def refuse_cross_site(scope: Scope) -> None:
    """Refuse what a page of another origin made the browser send.

    Programs and old browsers do not say; SameSite=Strict and the CSRF token hold without it.

    Raises:
        CrossSiteRequest: the browser says that it comes from elsewhere.
    """
    for name, value in scope["headers"]:
        if name == b"sec-fetch-site" and value.strip().lower() not in _OWN_SITES:
            raise CrossSiteRequest


def _check_csrf(scope: Scope, token: Secret) -> None:
    shown = [value for name, value in scope["headers"] if name == _CSRF_HEADER]
    expected = csrf_token(token).reveal().encode("ascii")
    if len(shown) != 1 or not hmac.compare_digest(shown[0], expected):
        raise CsrfTokenInvalid
