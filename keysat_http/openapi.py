"""The OpenAPI document, generated from the routes. Source: public-api 16.

``served_document`` is what this server shows; ``openapi_document`` is the copy kept in ``schema/``.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Request, Response, Router
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Server
from litestar.types import ControllerRouterHandler, Method
from litestar.types.internal_types import PathParameterDefinition

from keysat_core.domain.actor import Scope
from keysat_http.openapi_links import add_links
from keysat_http.openapi_words import add_access, add_key_header, add_words
from keysat_http.routes import BEARER_SCHEME, COOKIE_SCHEME, get
from keysat_http.views.export import MEDIA_TYPES
from keysat_http.web_sessions import COOKIE, CSRF_HEADER

DESCRIPTION: Final = (
    "Self-hosted licensing server. Public operations need no credential; operations under "
    "/v1/admin take the admin key or an API key as a bearer token. Every error has the body `Error`."
)
_STATE_KEY: Final = "openapi_document"
_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})


class _NoPages(Router):
    """A router that takes nothing in: Litestar would add pages and a catch-all route of its own."""

    def register(self, value: ControllerRouterHandler) -> list[Any]:
        """Leave the route out."""
        del value
        return []


def openapi_config(*, version: str, public_url: str) -> OpenAPIConfig:
    """Configure generation for one server."""
    return OpenAPIConfig(
        title="Keysat",
        version=version,
        description=DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        servers=[Server(url=public_url)],
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        openapi_router=_NoPages("/", route_handlers=[]),
        components=Components(
            security_schemes={
                BEARER_SCHEME: SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="The master key, or an API key (`ks_…`) with the scope listed.",
                ),
                COOKIE_SCHEME: SecurityScheme(
                    type="apiKey",
                    security_scheme_in="cookie",
                    name=COOKIE,
                    description=(
                        "Of somebody signed in at POST /admin/login: with the password or the master"
                        " key it has every scope, with an API key that key's. It counts only without"
                        " an Authorization header. Every method but GET and HEAD also"
                        f" needs the header {CSRF_HEADER}."
                    ),
                ),
            }
        ),
    )


@get("/v1/openapi.json", is_inline=True, tags=["meta"])
def get_openapi_document(request: Request[object, object, State]) -> Response[Any]:
    """Return this document."""
    return Response(served_document(request.app), media_type=MediaType.JSON)


def served_document(app: Litestar) -> bytes:
    """Return the document with this server's own address; routes never change, so it is kept."""
    if _STATE_KEY not in app.state:
        app.state[_STATE_KEY] = msgspec.json.encode(_finished(app), order="sorted")
    kept: bytes = app.state[_STATE_KEY]
    return kept


def openapi_document(app: Litestar) -> bytes:
    """Return the document for ``schema/openapi.json``: the same wherever it is made."""
    document = _finished(app)
    document["servers"] = [{"url": "/"}]
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"


def _finished(app: Litestar) -> dict[str, Any]:
    document = app.openapi_schema.to_schema()
    for item in document["paths"].values():
        for method in _METHODS & item.keys():
            _finish(item[method], app.state.operation_scopes, is_changing=method != "get")
    add_words(document)
    add_links(document)
    return document


def _finish(operation: dict[str, Any], scopes: Mapping[str, Scope], *, is_changing: bool) -> None:
    """Add what Litestar leaves out or gets wrong."""
    if "description" in operation:
        operation["summary"] = operation["description"].partition("\n")[0].rstrip(".")
    if operation.setdefault("security", []):
        scope = scopes[operation["operationId"]]
        operation["security"] = [{BEARER_SCHEME: [scope]}, {COOKIE_SCHEME: []}]
        add_access(operation, scope)
        if is_changing:
            add_key_header(operation)
    # Litestar describes a body of nothing, where there is none.
    operation["responses"].get("204", {}).pop("content", None)
    if operation["operationId"].startswith("export_"):
        text = {"schema": {"type": "string"}}
        operation["responses"]["200"]["content"] = dict.fromkeys(MEDIA_TYPES.values(), text)
    body = operation.get("requestBody")
    if body is not None:
        schemas = [content["schema"] for content in body["content"].values()]
        body["required"] = not any({"type": "null"} in s.get("oneOf", []) for s in schemas)


def _operation_id(
    handler: HTTPRouteHandler, _: HttpMethod | Method, __: list[str | PathParameterDefinition]
) -> str:
    """Call an operation by its handler's name; Litestar refuses a second one of that name."""
    return handler.handler_name
