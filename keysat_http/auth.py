"""Credentials: who is behind a request, and the actor every use case is given.

Which scope an operation needs is written in ``keysat_core.domain.access``. A further kind of
token is one more ``CredentialSource`` handed to ``create_app``. Source: admin-api 1.1, B-07.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol, cast

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope

from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind, Scope
from keysat_core.domain.secret import Secret
from keysat_core.errors import Forbidden, Unauthorized
from keysat_http.client_address import Caller

_PREFIX: Final = b"Bearer "
_STATE_KEY: Final = "credential"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a token or a cookie proves.

    ``hash`` is the lower-hex SHA-256 of the key behind it, ``id`` an API key's or the name of a session,
    ``api_key_id`` that of the API key somebody signed in with.
    ``note_use`` is called once the scope was found to suffice; it must not wait.
    """

    kind: ActorKind
    id: str | None = None
    api_key_id: str | None = None
    hash: str
    scopes: frozenset[Scope]
    note_use: Callable[[], None] | None = None


class CredentialSource(Protocol):
    """Knows one kind of token. Called on the event loop: at most one point read, no waiting."""

    def find_credential(self, token: bytes) -> Credential | None:
        """Give what the token proves, or None when it is not one of these or no longer good."""
        ...


class SessionSource(Protocol):
    """Knows who is signed in. Called on the event loop, as a ``CredentialSource`` is."""

    def find_credential(self, scope: HTTPScope) -> Credential | None:
        """Give what the cookie of a request proves, or None when it proves nothing.

        Raises:
            CrossSiteRequest, CsrfTokenInvalid: it would, but this request must not use it.
        """
        ...


class MasterKey:
    """The one key that may do everything, compared in constant time."""

    def __init__(self, key: Secret) -> None:
        self._digest = sha256(key.reveal().encode("utf-8")).digest()

    def find_credential(self, token: bytes) -> Credential | None:
        """Give every scope to the holder of the key."""
        digest = sha256(token)
        if not hmac.compare_digest(digest.digest(), self._digest):
            return None
        return Credential(kind=ActorKind.ADMIN_API_KEY, hash=digest.hexdigest(), scopes=EVERY_SCOPE)


class Authenticator:
    """Asks each source in turn; the cookie counts only where there is no Authorization header."""

    def __init__(
        self, sources: Sequence[CredentialSource], sessions: SessionSource | None = None
    ) -> None:
        self._sources = tuple(sources)
        self._sessions = sessions

    def authenticate(self, scope: HTTPScope) -> Credential:
        """Say what a request proves.

        Raises:
            Unauthorized: there is no bearer token, or more than one, and nobody is signed in.
            Forbidden: nobody knows the token.
            CrossSiteRequest, CsrfTokenInvalid: the cookie must not be used for this.
        """
        presented = [value for name, value in scope["headers"] if name == b"authorization"]
        if presented:
            return self._authenticate_bearer(presented)
        credential = None if self._sessions is None else self._sessions.find_credential(scope)
        if credential is None:
            raise Unauthorized
        return credential

    def _authenticate_bearer(self, presented: Sequence[bytes]) -> Credential:
        # Of two headers, a proxy in front may have looked at the other one.
        if len(presented) != 1 or not presented[0].startswith(_PREFIX):
            raise Unauthorized
        token = presented[0].removeprefix(_PREFIX)
        for source in self._sources:
            if (credential := source.find_credential(token)) is not None:
                return credential
        raise Forbidden


async def require_scope(
    connection: ASGIConnection[Any, Any, Any, State], handler: BaseRouteHandler
) -> None:
    """Guard admin routes, before the query and the body are read (B-07).

    Raises:
        Unauthorized: there is no bearer token, and nobody is signed in.
        Forbidden: nobody knows the token, or it lacks the scope of the operation.
        CrossSiteRequest, CsrfTokenInvalid: as ``Authenticator.authenticate``.
    """
    authenticator: Authenticator = connection.app.state.authenticator
    credential = authenticator.authenticate(cast("HTTPScope", connection.scope))
    scopes: Mapping[str, Scope] = connection.app.state.operation_scopes
    # An operation nobody put into the table is nobody's.
    if scopes.get(handler.handler_name) not in credential.scopes:
        raise Forbidden
    use_credential(connection, credential)


def use_credential(
    connection: ASGIConnection[Any, Any, Any, State], credential: Credential
) -> None:
    """Let a request act as what its credential proves."""
    if credential.note_use is not None:
        credential.note_use()
    connection.scope["state"][_STATE_KEY] = credential


def provide_actor(
    request: Request[object, object, State], caller: NamedDependency[Caller]
) -> Actor:
    """Give the actor of a request; without a credential it is a buyer, who holds no scope."""
    credential = request.scope["state"].get(_STATE_KEY)
    if not isinstance(credential, Credential):
        return public_actor(caller)
    return Actor(
        kind=credential.kind,
        id=credential.id,
        api_key_id=credential.api_key_id,
        hash=credential.hash,
        scopes=credential.scopes,
        request_ip=caller.address,
        user_agent=caller.user_agent,
        request_id=caller.request_id,
    )


def public_actor(
    caller: Caller, *, kind: ActorKind = ActorKind.BUYER, token: str | None = None
) -> Actor:
    """Give the actor of a public route; ``token`` is the license key or id it proved itself by."""
    return Actor(
        kind=kind,
        hash=None if token is None else sha256(token.encode("utf-8")).hexdigest(),
        request_ip=caller.address,
        user_agent=caller.user_agent,
        request_id=caller.request_id,
    )
