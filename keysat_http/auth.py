"""Credentials: who is behind an Authorization header, and the actor every use case is given.

Which scope an operation needs is written in ``keysat_core.domain.access``. A further kind of
credential is one more ``CredentialSource`` handed to ``create_app``. Source: admin-api 1.1, B-07.
"""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind, Scope
from keysat_core.domain.secret import Secret
from keysat_core.errors import Forbidden, Unauthorized
from keysat_http.client_address import Caller

_PREFIX: Final = b"Bearer "
_STATE_KEY: Final = "credential"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a token proves. ``hash`` is the lower-hex SHA-256 of the token, ``id`` an API key's."""

    kind: ActorKind
    id: str | None = None
    hash: str
    scopes: frozenset[Scope]


class CredentialSource(Protocol):
    """Knows one kind of token. Called on the event loop: at most one point read, no waiting."""

    def find_credential(self, token: bytes) -> Credential | None:
        """Give what the token proves, or None when it is not one of these or no longer good."""
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
    """Asks each source in turn."""

    def __init__(self, sources: Sequence[CredentialSource]) -> None:
        self._sources = tuple(sources)

    def authenticate(self, authorization: bytes | None) -> Credential:
        """Say what a header proves.

        Raises:
            Unauthorized: there is none, or it is no bearer token.
            Forbidden: nobody knows the token.
        """
        if authorization is None or not authorization.startswith(_PREFIX):
            raise Unauthorized
        token = authorization.removeprefix(_PREFIX)
        for source in self._sources:
            if (credential := source.find_credential(token)) is not None:
                return credential
        raise Forbidden


async def require_scope(
    connection: ASGIConnection[Any, Any, Any, State], handler: BaseRouteHandler
) -> None:
    """Guard admin routes, before the query and the body are read (B-07).

    Raises:
        Unauthorized: there is no bearer token.
        Forbidden: nobody knows the token, or it lacks the scope of the operation.
    """
    authenticator: Authenticator = connection.app.state.authenticator
    header = next(
        (value for name, value in connection.scope["headers"] if name == b"authorization"), None
    )
    credential = authenticator.authenticate(header)
    scopes: Mapping[str, Scope] = connection.app.state.operation_scopes
    # An operation nobody put into the table is nobody's.
    if scopes.get(handler.handler_name) not in credential.scopes:
        raise Forbidden
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
