"""The ports a request works with: the server's own, with its key, or those of a rehearsal."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.openapi.spec import OpenAPIType, Operation, Parameter, Schema
from litestar.response.base import ASGIResponse
from litestar.types import HTTPScope

from keysat_core.errors import InvariantError
from keysat_core.ports.bundle import Ports
from keysat_http.framework_errors import ADMIN_PREFIX
from keysat_http.idempotency import keyed_request_of
from keysat_http.keyed_store import KeyedStore
from keysat_http.rehearsal import DRY_RUN, rehearsed

REHEARSABLE: Final = "is_rehearsable"
"""What a route's ``opt`` says if its operation can be rehearsed."""

_TRUE: Final = "true"
_FLAGS: Final = frozenset({_TRUE, "false"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REHEARSAL: Final = "_keysat_is_rehearsal"


def ports_for(request: Request[object, object, State], ports: Ports) -> Ports:
    """Give the ports one request works with.

    Raises:
        InvariantError: it asks for a rehearsal of what cannot be rehearsed. It must not be taken for
            an order.
    """
    scope = request.scope
    if not _is_rehearsal_wanted(request):
        keyed = keyed_request_of(request)
        return ports if keyed is None else replace(ports, store=keyed.store)
    if not request.route_handler.opt.get(REHEARSABLE):
        raise InvariantError(DRY_RUN, "this operation cannot be rehearsed; leave dry_run out")
    _note_rehearsal(scope)
    return rehearsed(ports)


def without_key(ports: Ports) -> Ports:
    """Give the ports for a step that may be repeated, and must not take the request's key."""
    store = ports.store
    return replace(ports, store=store.unkeyed) if isinstance(store, KeyedStore) else ports


def _is_rehearsal_wanted(request: Request[object, object, State]) -> bool:
    scope = request.scope
    is_change = scope["method"] not in _SAFE_METHODS and scope["path"].startswith(ADMIN_PREFIX)
    if not is_change or not scope["query_string"]:
        return False
    values = request.query_params.getall(DRY_RUN, [])
    if not _FLAGS.issuperset(values):
        raise InvariantError(DRY_RUN, "must be true or false")
    return _TRUE in values


def _note_rehearsal(scope: HTTPScope) -> None:
    scope["state"][_REHEARSAL] = True


class RehearsableResponse(Response[Any]):
    """An answer that says so if nothing of it was kept."""

    def to_asgi_response(
        self, app: Any, request: Request[Any, Any, Any], **options: Any
    ) -> ASGIResponse:
        """Add ``dry_run`` to the answer to a rehearsal."""
        if request.scope["state"].get(_REHEARSAL):
            self.content = msgspec.to_builtins(self.content) | {DRY_RUN: True}
        return super().to_asgi_response(app, request, **options)


@dataclass
class RehearsableOperation(Operation):
    """An operation that takes ``dry_run``, in the OpenAPI document."""

    def __post_init__(self) -> None:
        """Add the parameter."""
        wish = Parameter(
            name=DRY_RUN,
            param_in="query",
            schema=Schema(type=OpenAPIType.STRING, enum=sorted(_FLAGS), default="false"),
            description="Do it all and keep nothing; the answer then has dry_run true.",
            required=False,
        )
        self.parameters = [*(self.parameters or []), wish]


REHEARSABLE_ROUTE: Final[Mapping[str, Any]] = {
    "operation_class": RehearsableOperation,
    "response_class": RehearsableResponse,
    "opt": {REHEARSABLE: True},
}
"""What a route is declared with whose operation can be rehearsed: ``**REHEARSABLE_ROUTE``."""
