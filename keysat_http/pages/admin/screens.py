"""A screen: a page that only somebody who is signed in sees, within the frame all screens share."""

from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import quote

from litestar import MediaType, Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import HTTPScope

from keysat_core.domain.actor import Scope
from keysat_core.errors import Forbidden, Unauthorized
from keysat_http.auth import Authenticator, use_credential
from keysat_http.pages.failures import show_failure
from keysat_http.pages.rendering import base_path
from keysat_http.routes import get

SIGN_IN_PATH: Final = "/admin/login"
NEEDS: Final = "screen_needs"
"""What a screen's ``opt`` calls the scope it needs."""

Handler = Callable[..., Response[str]]


def screen(path: str, *, needs: Scope) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a screen: a GET for those whose session has a scope; the others are led to sign in.

    It shows what use cases give, which authorize the actor once more. What it changes, its forms
    ask of the admin API, as any script would.
    """
    return get(
        path,
        guards=[only_signed_in],
        exception_handlers={Exception: _lead_or_show},
        media_type=MediaType.HTML,
        include_in_schema=False,
        opt={NEEDS: needs},
    )


async def only_signed_in(
    connection: ASGIConnection[Any, Any, Any, State], handler: BaseRouteHandler
) -> None:
    """Guard screens, before the query is read.

    Raises:
        Unauthorized: nobody is signed in.
        Forbidden: the session lacks the scope.
        CrossSiteRequest: another site had the browser ask.
    """
    authenticator: Authenticator = connection.app.state.authenticator
    credential = authenticator.authenticate(cast("HTTPScope", connection.scope))
    if handler.opt[NEEDS] not in credential.scopes:
        raise Forbidden
    use_credential(connection, credential)


def _lead_or_show(request: Request[object, object, State], failure: Exception) -> Response[str]:
    """Lead to the sign-in whoever has to sign in first, and back here after it."""
    if not isinstance(failure, Unauthorized):
        return show_failure(request, failure)
    base = base_path(request.app.state.settings)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    there = f"{base}{SIGN_IN_PATH}?next={quote(here, safe='')}"
    # htmx would put the page of a redirect into a part of this one.
    headers = {"HX-Redirect": there} if "hx-request" in request.headers else {"location": there}
    status = 401 if "hx-request" in request.headers else 303
    return Response(
        "",
        status_code=status,
        headers=headers | {"cache-control": "no-store"},
        media_type="text/html",
    )
