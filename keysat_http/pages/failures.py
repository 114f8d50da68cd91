"""Failures as pages: what people see where programs get the envelope of ``keysat_http.errors``."""

import re
from collections.abc import Mapping
from typing import Final

from litestar import Request, Response
from litestar.datastructures import State

from keysat_http.framework_errors import answer_to
from keysat_http.pages.rendering import render

TITLES: Final[Mapping[int, str]] = {
    400: "This cannot be done as asked",
    403: "Not with these rights",
    404: "There is nothing here",
    409: "Something stands in the way",
    429: "Too many requests",
    502: "The payment service does not answer",
    503: "Not available right now",
}
"""Headings by status; any other failure is ours."""
OWN_FAULT: Final = "Something broke on this server"

_CLASS: Final = re.compile(r"^(?:[a-z]+ ){0,3}[a-z]+: ")
"""What begins the message of an envelope (admin-api 0); a heading says it here."""


def plain(message: str) -> str:
    """Give an envelope's message as a sentence of a page, without its class."""
    text = _CLASS.sub("", message)
    return text[:1].upper() + text[1:]


def show_failure(request: Request[object, object, State], failure: Exception) -> Response[str]:
    """Render whatever a page's handler raised; the details of a fault go to the log."""
    ready = answer_to(failure, request.scope)
    state = request.app.state
    values = {
        "title": TITLES.get(ready.status, OWN_FAULT),
        "text": plain(ready.body.message),
        "request_id": ready.body.request_id or None,
        "is_admin": request.scope["path"].startswith("/admin"),
    }
    return render(
        "failure.html",
        values,
        ports=state.ports,
        settings=state.settings,
        status=ready.status,
        headers=ready.headers,
    )
