"""How the framework's own refusals look on the wire, and the one exception handler.

Source: public-api 1 and 18; decisions 5. Their own texts are never passed on: some quote the query.
"""

import re
from http import HTTPStatus
from typing import Final

import structlog
from litestar import MediaType, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, InternalServerException
from litestar.types import Scope

from keysat_core.errors import KeysatError
from keysat_http.client_address import request_id_of
from keysat_http.errors import (
    Answer,
    FieldProblem,
    answer,
    bad_request,
    internal_answer,
    refusal,
)
from keysat_http.limits import FIELD_PROBLEMS_MAX, PROBLEM_CHARS_MAX

ADMIN_PREFIX: Final = "/v1/admin/"
OPERATOR_PREFIXES: Final = (ADMIN_PREFIX, "/admin/")
"""Where only operators read answers, so these may quote the inside of the shop."""

log = structlog.get_logger("keysat.http")

NOT_FOUND: Final = refusal(404, "not_found", "not found: no such address", code="no_such_route")
UNSUPPORTED_MEDIA_TYPE: Final = refusal(
    415,
    "bad_request",
    "bad request: send the body with Content-Type: application/json",
    code="unsupported_media_type",
)
BODY_TOO_LARGE: Final = refusal(
    413, "bad_request", "bad request: the body is larger than 2 MiB", code="body_too_large"
)

EMPTY_BODY: Final = bad_request(
    "the body is empty",
    code="malformed_body",
    detail=[FieldProblem(field="body", problem="is required")],
)

CLIENT_LEFT_EARLY: Final = bad_request("the body was cut off", code="malformed_body")

_READY: Final = {
    ready.status: ready for ready in (NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE)
}
_CLIENT_LEFT: Final = "client disconnected prematurely"
"""How Litestar says that the connection ended within a body."""

_MISSING: Final = re.compile(r"^Missing required \w+ parameter '([^']+)'")
"""How Litestar says that a query parameter or header was not sent; it gives no other sign."""

_BODY_ARGUMENT: Final = "data"
"""What Litestar calls the body; it complains about the argument when nothing was sent."""


class Refused(Exception):
    """The shell refuses a request with a ready answer. Raised while a request is still being read."""

    def __init__(self, ready: Answer) -> None:
        self.ready = ready
        super().__init__(ready.body.message)


def render(request: Request[object, object, State], failure: Exception) -> Response[bytes]:
    """Turn whatever a handler raised into the envelope. The details of a fault go to the log."""
    ready = answer_to(failure, request.scope)
    return Response(
        ready.encoded(),
        status_code=ready.status,
        headers=dict(ready.headers),
        media_type=MediaType.JSON,
    )


def answer_to(failure: Exception, scope: Scope) -> Answer:
    """Say how any exception that left a handler looks on the wire, and log it if it is a fault."""
    request_id = request_id_of(scope)
    if isinstance(failure, InternalServerException) and failure.detail == _CLIENT_LEFT:
        # Nobody is there to read it, and nothing on this server broke.
        return CLIENT_LEFT_EARLY
    ready = _answer_to(failure, scope, request_id)
    if ready.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _report(failure, ready, request_id)
    return ready


def _answer_to(failure: Exception, scope: Scope, request_id: str | None) -> Answer:
    match failure:
        case Refused():
            return failure.ready
        case KeysatError():
            is_for_operator = scope["path"].startswith(OPERATOR_PREFIXES)
            return answer(failure, request_id=request_id, is_for_operator=is_for_operator)
        case HTTPException():
            return _answer_to_framework(failure, request_id)
        case _:
            return internal_answer(request_id)


def _answer_to_framework(failure: HTTPException, request_id: str | None) -> Answer:
    if failure.status_code in _READY:
        return _READY[failure.status_code]
    match failure.status_code:
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return method_not_allowed((failure.headers or {}).get("allow", ""))
        case HTTPStatus.BAD_REQUEST:
            return _unreadable(_problems(failure))
        case _:
            return internal_answer(request_id)


def _unreadable(problems: list[FieldProblem]) -> Answer:
    if any(problem.field == _BODY_ARGUMENT for problem in problems):
        return EMPTY_BODY
    listed = ", ".join(problem.field for problem in problems)
    message = f"check {listed}" if listed else "the request cannot be read"
    return bad_request(message, code="invalid_request", detail=problems)


def method_not_allowed(allowed: str) -> Answer:
    """Build the 405 with the methods that would do; HEAD works wherever GET does."""
    methods = {name for name in allowed.replace(" ", "").split(",") if name}
    methods |= {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    listed = ", ".join(sorted(methods))
    return refusal(
        405,
        "method_not_allowed",
        f"method not allowed: use {listed}",
        code="method_not_allowed",
        headers={"allow": listed},
    )


def _problems(failure: HTTPException) -> list[FieldProblem]:
    """Read the fields Litestar lists under ``extra`` of a ValidationException."""
    extra = failure.extra
    found = [
        FieldProblem(
            field=str(item["key"]), problem=str(item.get("message", ""))[:PROBLEM_CHARS_MAX]
        )
        for item in (extra if isinstance(extra, list) else [])
        if isinstance(item, dict) and "key" in item
    ]
    missing = _MISSING.search(failure.detail)
    if missing is not None:
        found.append(FieldProblem(field=missing[1], problem="is required"))
    return found[:FIELD_PROBLEMS_MAX]


def _report(failure: Exception, ready: Answer, request_id: str | None) -> None:
    code = failure.code if isinstance(failure, KeysatError) else type(failure).__name__
    if ready.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", code=code, request_id=request_id, exc_info=failure)
    else:
        log.warning("request_refused", code=code, request_id=request_id, problem=str(failure))
