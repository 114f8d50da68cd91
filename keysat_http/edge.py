"""What holds for every request, whatever answers it: ids, CORS, HEAD, safe headers, one log line.

Plain ASGI around the whole application, so that errors of the framework pass here too.
Source: public-api 0, 1, 2 and 18; admin-api 1.5, B-06, B-09.
"""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from itertools import count
from time import perf_counter
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from keysat_http.client_address import Callers
from keysat_http.errors import bad_request
from keysat_http.framework_errors import NOT_FOUND, answer_to
from keysat_http.limits import REQUEST_ID_CHARS_MAX, REQUEST_ID_CHARS_MIN
from keysat_http.meters import Meters
from keysat_http.outgoing import (
    MORE_HEADERS,
    Headers,
    Outgoing,
    send_answer,
    send_whole,
    spell_headers,
)

FastRoute: TypeAlias = Callable[[HTTPScope, Receive], Awaitable[bytes]]
"""Answers a POST with the JSON of a 200, or raises what a handler may raise."""

log = structlog.get_logger("keysat.http")

_REQUEST_ID: Final = re.compile(
    rb"[A-Za-z0-9_-]{%d,%d}" % (REQUEST_ID_CHARS_MIN, REQUEST_ID_CHARS_MAX)
)
_ON_EVERY_ANSWER: Final[Headers] = [
    (b"access-control-allow-origin", b"*"),
    (b"vary", b"origin, access-control-request-method, access-control-request-headers"),
    (b"x-content-type-options", b"nosniff"),
]
# `*` lets the SDK in a browser send its JSON. The names stand beside it for browsers that take the
# star for a name, and because by the Fetch standard the star does not cover Authorization (B-09).
# A page of another origin can so use a key that it was given; it is never sent the cookie.
_PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"*"),
    (
        b"access-control-allow-headers",
        b"*, Authorization, Content-Type, Idempotency-Key, X-CSRF-Token",
    ),
    (b"content-length", b"0"),
]
_BAD_PATH: Final = bad_request("the path is not UTF-8", code="malformed_path")

# Held here, because until Python 3.12 an enumeration looks each member up in Python code.
_HTTP: Final = ScopeType.HTTP
_OK: Final = int(HTTPStatus.OK)

_NO_REFERRER: Final = (b"referrer-policy", b"no-referrer")
# Nobody keeps the JSON answer of a POST or follows a link in it, so neither `vary` nor a referrer
# policy says anything there; each header costs more than reading the body.
_FAST_HEADERS: Final[Headers] = [
    (b"content-type", b"application/json"),
    *(pair for pair in _ON_EVERY_ANSWER if pair[0] != b"vary"),
]

_FAST_LINES: Final = spell_headers(_FAST_HEADERS)

QUIET_ROUTES: Final = frozenset({"/v1/validate", "/healthz", "/readyz", "/metrics"})
"""Too frequent to count or to log each: their good answers are a line at debug (PERFORMANCE 7)."""

CLIENT_LEFT: Final = 499
"""Logged, never sent, when the caller went away before an answer."""


IS_HEAD: Final = "is_head"
"""In the scope's state when a GET is answered for a HEAD, which must change nothing."""


class Edge:
    """The outermost application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        callers: Callers,
        no_store: tuple[str, ...],
        fast_routes: Mapping[str, FastRoute] | None = None,
        meters: Meters | None = None,
    ) -> None:
        """Wrap ``app``.

        Args:
            app: What answers.
            callers: Knows who may name the client and the request.
            no_store: Paths that start with one of these are never cached.
            fast_routes: POSTs to these exact paths go around the framework (PERFORMANCE 2).
            meters: Where requests are counted.
        """
        self._app = app
        self._fast_routes = dict(fast_routes or {})
        self._callers = callers
        self._no_store = no_store
        self._meters = meters or Meters()
        # Asked once: it would cost each of them a tenth of its answer.
        self._are_quiet_logged = log.is_enabled_for(logging.DEBUG)
        self._id_prefix = secrets.token_urlsafe(9)
        self._id_numbers = count()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, or pass on what is none."""
        if scope["type"] != _HTTP:
            return self._app(scope, receive, send)
        if scope["method"] == "POST" and scope["path"] in self._fast_routes:
            return self._serve_fast(scope, receive, send)
        return self._serve(scope, receive, send)

    async def _serve_fast(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Do what ``_serve`` does, in fewer steps, for a route that answers with JSON alone."""
        started_at = perf_counter()
        request_id = self._request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        scope["path_template"] = path = scope["path"]
        status = None
        try:
            try:
                body = await self._fast_routes[path](scope, receive)
            except Exception as exc:  # noqa: BLE001  answered as the envelope, and logged there
                outgoing = self._outgoing(scope, send)
                await send_answer(answer_to(exc, scope), outgoing)
                status = outgoing.status
                return
            if not send_whole(send, _spelled(request_id, len(body)), body):
                headers = [
                    (b"content-length", b"%d" % len(body)),
                    (b"x-request-id", request_id.encode("ascii")),
                    *_FAST_HEADERS,
                ]
                await send({"type": "http.response.start", "status": _OK, "headers": headers})
                status = _OK
                await send({"type": "http.response.body", "body": body, "more_body": False})
            status = _OK
        finally:
            if status != _OK or self._are_quiet_logged or path not in QUIET_ROUTES:
                self._log("POST", scope, status, perf_counter() - started_at)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started_at = perf_counter()
        # Litestar notes the matched route in the scope, so a HEAD is turned into a GET in a copy.
        inner = scope.copy()
        inner.setdefault("state", {})["request_id"] = self._request_id(scope)
        is_head = scope["method"] == "HEAD"
        if is_head:
            inner["method"] = "GET"
            inner["state"][IS_HEAD] = True
        outgoing = self._outgoing(inner, send, is_head=is_head)
        try:
            await self._answer(inner, receive, outgoing)
        finally:
            self._log(scope["method"], inner, outgoing.status, perf_counter() - started_at)

    async def _answer(self, scope: HTTPScope, receive: Receive, outgoing: Outgoing) -> None:
        if scope["method"] == "OPTIONS":
            await outgoing({"type": "http.response.start", "status": 200, "headers": _PREFLIGHT})
            await outgoing({"type": "http.response.body", "body": b"", "more_body": False})
        elif not _is_utf8(scope):
            await send_answer(_BAD_PATH, outgoing)
        elif _is_spelt_oddly(scope["path"]):
            await send_answer(NOT_FOUND, outgoing)
        else:
            try:
                await self._app(scope, receive, outgoing)
            except Exception as exc:
                ready = answer_to(exc, scope)
                if outgoing.status is not None:
                    # Half an answer is out; the server must cut the connection.
                    raise
                await send_answer(ready, outgoing)

    def _outgoing(self, scope: HTTPScope, send: Send, *, is_head: bool = False) -> Outgoing:
        request_id: str = scope["state"]["request_id"]
        extra = [*_ON_EVERY_ANSWER, (b"x-request-id", request_id.encode("ascii"))]
        scope["state"][MORE_HEADERS] = extra
        return Outgoing(
            send,
            extra=extra,
            defaults=self._defaults(scope["path"]),
            is_head=is_head,
        )

    def _request_id(self, scope: HTTPScope) -> str:
        for name, value in scope["headers"]:
            if (
                name == b"x-request-id"
                and _REQUEST_ID.fullmatch(value)
                and self._callers.is_from_trusted_proxy(scope)
            ):
                return value.decode("ascii")
        # Unique across restarts by the random part; it names a request and protects nothing.
        return f"{self._id_prefix}{next(self._id_numbers):x}"

    def _defaults(self, path: str) -> Headers:
        """Give the headers an answer may override."""
        defaults = [_NO_REFERRER]
        if path.startswith(self._no_store):
            defaults.append((b"cache-control", b"no-store"))
        return defaults

    def _log(self, method: str, scope: HTTPScope, status: int | None, seconds: float) -> None:
        # The template, never the path: an invoice id in a path is a bearer secret (public-api 0).
        route = scope.get("path_template")
        is_quiet = status == _OK and route in QUIET_ROUTES
        if not is_quiet:
            self._meters.note_request(method, route, status or CLIENT_LEFT, seconds)
        if is_quiet and not self._are_quiet_logged:
            return
        (log.debug if is_quiet else log.info)(
            "request",
            method=method,
            route=route,
            status=CLIENT_LEFT if status is None else status,
            duration_ms=round(seconds * 1000, 1),
            request_id=scope["state"]["request_id"],
            client=self._callers.address_of(scope),
        )


def _spelled(request_id: str, length: int) -> bytes:
    """Spell the headers of a fast route; the id is ours or was checked, so nothing can break out."""
    own = (request_id.encode("ascii"), length)
    return _FAST_LINES + b"x-request-id: %b\r\ncontent-length: %d\r\n" % own


def _is_utf8(scope: HTTPScope) -> bool:
    raw = scope.get("raw_path") or b""
    if b"%" not in raw:
        return True
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_spelt_oddly(path: str) -> bool:
    """Tell a path Litestar would tidy up first: only ``/admin/`` has two spellings (public-api 0)."""
    if path in {"/", "/admin/"}:
        return False
    return path.endswith("/") or "//" in path
