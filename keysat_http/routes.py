"""The five verbs, with what every route of ours has in common.

Success is always 200, handlers are sync, every status a route may answer is in the OpenAPI
document, and whatever lies under ``/v1/admin/`` asks for a credential before anything else.
Source: decisions 30; public-api 0; STYLE, traps 6.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from litestar import MediaType
from litestar import delete as litestar_delete
from litestar import get as litestar_get
from litestar import patch as litestar_patch
from litestar import post as litestar_post
from litestar import put as litestar_put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from keysat_core.errors import (
    AnswerLost,
    CrossSiteRequest,
    CsrfTokenInvalid,
    Forbidden,
    IdempotencyKeyReused,
    InvariantError,
    KeysatError,
    RequestInFlight,
    StoreBusy,
    StoreUnavailable,
    Unauthorized,
)
from keysat_http.auth import require_scope
from keysat_http.errors import RULES, Error
from keysat_http.framework_errors import ADMIN_PREFIX
from keysat_http.idempotency import find_earlier, keep_answers

BEARER_SCHEME: Final = "bearerAuth"
COOKIE_SCHEME: Final = "sessionCookie"

Leaf = type[KeysatError]

_GUARDED: Final = (Unauthorized, Forbidden, CrossSiteRequest, CsrfTokenInvalid)
_BODY_STATUSES: Final = (413, 415)
_DESCRIPTIONS: Final = {413: "The body is larger than 2 MiB.", 415: "The body is not JSON."}


def get(
    path: str,
    *,
    raises: Sequence[Leaf] = (),
    is_inline: bool = False,
    tags: Sequence[str] = (),
    **options: Any,
) -> HTTPRouteHandler:
    """Declare a GET; HEAD comes with it. ``is_inline`` only for point reads (ARCHITECTURE, Threads)."""
    shared = _shared(path, raises, tags, options, is_inline=is_inline, is_changing=False)
    return litestar_get(path, **shared)


def post(
    path: str,
    *,
    raises: Sequence[Leaf] = (),
    is_inline: bool = False,
    tags: Sequence[str] = (),
    **options: Any,
) -> HTTPRouteHandler:
    """Declare a POST. ``raises`` lists the leaves the use case may raise."""
    shared = _shared(path, raises, tags, options, is_inline=is_inline, has_body=True)
    return litestar_post(path, **shared)


def put(
    path: str,
    *,
    raises: Sequence[Leaf] = (),
    is_inline: bool = False,
    tags: Sequence[str] = (),
    **options: Any,
) -> HTTPRouteHandler:
    """Declare a PUT."""
    shared = _shared(path, raises, tags, options, is_inline=is_inline, has_body=True)
    return litestar_put(path, **shared)


def patch(
    path: str,
    *,
    raises: Sequence[Leaf] = (),
    is_inline: bool = False,
    tags: Sequence[str] = (),
    **options: Any,
) -> HTTPRouteHandler:
    """Declare a PATCH."""
    shared = _shared(path, raises, tags, options, is_inline=is_inline, has_body=True)
    return litestar_patch(path, **shared)


def delete(
    path: str,
    *,
    raises: Sequence[Leaf] = (),
    is_inline: bool = False,
    tags: Sequence[str] = (),
    **options: Any,
) -> HTTPRouteHandler:
    """Declare a DELETE; its answer has a body like any other (never 204)."""
    return litestar_delete(path, **_shared(path, raises, tags, options, is_inline=is_inline))


def declared_errors(
    leaves: Sequence[Leaf],
    *,
    is_admin: bool = False,
    has_body: bool = False,
    is_page: bool = False,
) -> dict[int, ResponseSpec]:
    """List the error answers of a route for the OpenAPI document, from the one table.

    Those of a page are pages.
    """
    common: list[Leaf] = [InvariantError, StoreBusy, StoreUnavailable]
    guarded: list[Leaf] = list(_GUARDED) if is_admin else []
    by_status: dict[int, set[str]] = {500: {"internal_error"}}
    for leaf in (*common, *guarded, *leaves):
        by_status.setdefault(RULES[leaf].status, set()).add(leaf.code)
    descriptions = {
        status: f"{HTTPStatus(status).phrase}: {', '.join(sorted(codes))}."
        for status, codes in by_status.items()
    }
    if has_body:
        descriptions |= {status: _DESCRIPTIONS[status] for status in _BODY_STATUSES}
    return {
        status: ResponseSpec(
            data_container=str if is_page else Error,
            generate_examples=False,
            description=descriptions[status],
            media_type=MediaType.HTML if is_page else MediaType.JSON,
        )
        for status in sorted(descriptions)
    }


def _shared(
    path: str,
    raises: Sequence[Leaf],
    tags: Sequence[str],
    options: Mapping[str, Any],
    *,
    is_inline: bool,
    has_body: bool = False,
    is_changing: bool = True,
) -> dict[str, Any]:
    is_admin = path.startswith(ADMIN_PREFIX)
    if is_admin and is_changing:
        raises = (*raises, IdempotencyKeyReused, RequestInFlight, AnswerLost)
    shared: dict[str, Any] = {
        "status_code": HTTPStatus.OK.value,
        "sync_to_thread": not is_inline,
        "media_type": MediaType.JSON,
        "tags": list(tags) or None,
        "responses": declared_errors(
            raises,
            is_admin=is_admin,
            has_body=has_body,
            is_page="exception_handlers" in options,
        ),
    }
    if is_admin:
        shared["guards"] = [require_scope]
        shared["security"] = [{BEARER_SCHEME: []}, {COOKIE_SCHEME: []}]
    if is_admin and is_changing:
        shared["before_request"] = find_earlier
        shared["middleware"] = [keep_answers]
    return shared | dict(options)
