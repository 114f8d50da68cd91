"""The page one signs in at. Signing in itself is ``POST /admin/login``. Source: admin-api 7, Shell."""

import re
from typing import Final

from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.access.set_password import is_password_set
from keysat_http.pages.admin.frame import HOME
from keysat_http.pages.failures import show_failure
from keysat_http.pages.rendering import base_path, render_page
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings

_OWN_SCREEN: Final = re.compile(r"/admin/[!-\[\]-~]*")
"""A path of ours in plain ASCII, without a backslash, which browsers take for a slash."""


@get(
    "/admin/login",
    exception_handlers={Exception: show_failure},
    media_type=MediaType.HTML,
    tags=["pages"],
)
def show_sign_in(
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    next: FromQuery[str] = HOME,  # noqa: A002  what the address says
) -> Response[str]:
    """Show the form for the password, or for a key while no password is set."""
    base = base_path(settings)
    path = next.removeprefix(base)
    return render_page(
        "admin/login.html",
        ports=ports,
        settings=settings,
        has_password=is_password_set(store=ports.store),
        next=base + (path if _OWN_SCREEN.fullmatch(path) else HOME),
    )
