"""Signing in to the admin pages and out again. Source: admin-api 1.4 and 2.2, B-03, B-11.

Signing out needs no CSRF token: it harms nobody, and a page that has lost its token must still be
able to end its session. SameSite=Strict and Sec-Fetch-Site keep other sites from doing it.
"""

from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.secret import Secret
from keysat_core.domain.web_session import SignInMeans, csrf_token
from keysat_core.errors import (
    CrossSiteRequest,
    InvariantError,
    RateLimited,
    Unauthorized,
    WebPasswordUnset,
)
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.access import sign_in as signing_in
from keysat_core.use_cases.access import sign_out as signing_out
from keysat_core.use_cases.access.set_password import is_password_set
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.rate_limits import RateLimiter
from keysat_http.routes import get, post
from keysat_http.web_sessions import CSRF_HEADER, WebSessions, refuse_cross_site

MASTER_ROLE: Final = "master"
"""What whoever may do everything is called beside the roles of API keys."""

_TAGS: Final = ("sign in",)


class SignInBody(msgspec.Struct, frozen=True, kw_only=True):
    """One of both: the password of the admin pages, or a key.

    ``password`` is what was set with ``keysat password set`` or ``POST /v1/admin/web-password``;
    ``api_key`` is the master key or the token of an API key, whose scopes the session then has.
    """

    password: str | None = None
    api_key: str | None = None


class SignInStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a password is set, and whether this browser is signed in; then as what.

    ``role`` is that of the API key somebody signed in with, and ``master`` for whoever may do
    everything; ``label`` is the key's.
    """

    has_password: bool
    logged_in: bool
    csrf_token: str | UnsetType = UNSET
    signed_in_with: SignInMeans | UnsetType = UNSET
    role: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    scopes: list[str] | UnsetType = UNSET


async def only_own_pages(
    connection: ASGIConnection[Any, Any, Any, State], handler: BaseRouteHandler
) -> None:
    """Guard what changes the cookie.

    Raises:
        CrossSiteRequest: a page of another origin had the browser send this.
    """
    del handler
    refuse_cross_site(connection.scope)


@post(
    "/admin/login",
    status_code=204,
    guards=[only_own_pages],
    raises=[RateLimited, WebPasswordUnset, Unauthorized, CrossSiteRequest],
    tags=_TAGS,
)
def sign_in(
    *,
    data: JSONBody[SignInBody],
    request: Request[object, object, State],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
    sessions: NamedDependency[WebSessions],
) -> Response[None]:
    """Sign in with the password or a key: exactly one of both.

    The answer sets the cookie, and its X-CSRF-Token goes with every later change. With an API key the
    session may do what the key may, until the key is revoked.
    """
    if (data.password is None) == (data.api_key is None):
        raise InvariantError("password", "give either password or api_key, and not both")
    limiter.charge_sign_in(caller, ports.clock.now())
    before = sessions.find_open(request.scope)
    replaces = None if before is None else before.session.token_hash
    actor = public_actor(caller, kind=ActorKind.WEB_UI)
    if data.password is not None:
        signed_in = signing_in.sign_in(
            actor,
            signing_in.SignIn(password=Secret(data.password), replaces=replaces),
            store=ports.store,
            clock=ports.clock,
            entropy=ports.entropy,
            passwords=ports.passwords,
        )
    else:
        signed_in = signing_in.sign_in_with_key(
            actor,
            signing_in.SignInWithKey(key=Secret(data.api_key or ""), replaces=replaces),
            master_key_hash=sessions.master_key_hash,
            store=ports.store,
            clock=ports.clock,
            entropy=ports.entropy,
        )
    session, token = signed_in.session, signed_in.token
    headers = {
        "set-cookie": sessions.cookie(request.scope, session, token, session.created_at),
        CSRF_HEADER: csrf_token(token).reveal(),
    }
    return Response(None, status_code=204, headers=headers)


@post(
    "/admin/logout",
    status_code=204,
    guards=[only_own_pages],
    raises=[CrossSiteRequest],
    tags=_TAGS,
)
def sign_out(
    request: Request[object, object, State],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    sessions: NamedDependency[WebSessions],
) -> Response[None]:
    """Sign out: end the session and take its cookie away. It never fails for who is not signed in."""
    found = sessions.find_open(request.scope)
    if found is not None:
        signing_out.sign_out(
            sessions.actor_of(found, caller),
            found.session.token_hash,
            store=ports.store,
            clock=ports.clock,
        )
    return Response(
        None, status_code=204, headers={"set-cookie": sessions.no_cookie(request.scope)}
    )


@get("/admin/login/status", is_inline=True, tags=_TAGS)
def get_sign_in_status(
    request: Request[object, object, State],
    ports: NamedDependency[Ports],
    sessions: NamedDependency[WebSessions],
) -> SignInStatus:
    """Tell whether a password is set, and who is signed in in this browser. It prolongs nothing."""
    found = sessions.find_open(request.scope)
    has_password = is_password_set(store=ports.store)
    if found is None:
        return SignInStatus(has_password=has_password, logged_in=False)
    return SignInStatus(
        has_password=has_password,
        logged_in=True,
        csrf_token=csrf_token(found.token).reveal(),
        signed_in_with=found.session.means,
        role=MASTER_ROLE if found.key is None else found.key.role,
        label=UNSET if found.key is None else found.key.label,
        scopes=sorted(found.scopes),
    )
