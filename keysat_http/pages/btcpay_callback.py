"""Where BTCPay sends the operator's browser after consent. Source: payments 6.9, public-api 15.

BTCPay posts a form; by hand or by an agent it may be a GET. The single-use token in ``state`` is
the credential. A browser shows the answer, so it is a page either way.
"""

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qsl

import structlog
from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from litestar.response import Redirect

from keysat_core.domain.provider_address import webhook_base
from keysat_core.domain.secret import Secret
from keysat_core.errors import KeysatError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.finish_connect import (
    Connected,
    FinishConnect,
    finish_connect,
)
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.edge import IS_HEAD
from keysat_http.errors import answer
from keysat_http.hooks.landing import HTTPRequest
from keysat_http.pages.rendering import base_path, render_page
from keysat_http.provider_threads import ProviderThreads
from keysat_http.routes import get, post
from keysat_http.settings import HTTPSettings

log = structlog.get_logger("keysat.http")

_PATH: Final = "/v1/btcpay/authorize/callback"
_FORM: Final = "application/x-www-form-urlencoded"
_ERROR_CHARS_MAX: Final = 200
_FIELDS_MAX: Final = 100
"""BTCPay sends the key, the user, a token of its own and one field per permission."""

_PAGES: Final = {
    status: ResponseSpec(str, generate_examples=False, media_type=MediaType.HTML, description=said)
    for status, said in {
        400: "Denied, or the store cannot be connected; the page says why.",
        401: "The link is unknown, was used already or is too old.",
        409: "Somebody else was faster.",
        415: "Not a form.",
        422: "Without a key.",
        502: "BTCPay did not do what was needed.",
        503: "No BTCPay Server is configured, or the database cannot be used.",
    }.items()
}


@post(
    _PATH,
    sync_to_thread=None,
    media_type=MediaType.HTML,
    tags=["connect"],
    responses=_PAGES,
)
async def finish_btcpay_connect(
    *,
    request: HTTPRequest,
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    provider_threads: NamedDependency[ProviderThreads],
    token: Annotated[str, QueryParameter(name="state")] = "",
) -> Response[str]:
    """Finish a connect with the form BTCPay's consent page posts."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        said = "The consent page should have sent a form."
        return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, said, ports, settings)
    key = _api_key(await request.body())
    if key is None:
        said = "The consent page sent no API key."
        return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, said, ports, settings)
    return await _finish(
        token,
        key,
        caller=caller,
        ports=ports,
        settings=settings,
        provider_threads=provider_threads,
    )


@get(
    _PATH,
    sync_to_thread=None,
    media_type=MediaType.HTML,
    tags=["connect"],
    responses=_PAGES
    | {303: ResponseSpec(None, generate_examples=False, description="Without a key: to /.")},
)
async def finish_btcpay_connect_by_link(
    *,
    request: HTTPRequest,
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    provider_threads: NamedDependency[ProviderThreads],
    token: Annotated[str, QueryParameter(name="state")] = "",
    api_key: Annotated[str, QueryParameter(name="apiKey")] = "",
    error: FromQuery[str] = "",
) -> Response[str] | Redirect:
    """Finish a connect with a key made by hand, or tell that it was denied; HEAD changes nothing."""
    if error:
        said = f"Access was denied: {error[:_ERROR_CHARS_MAX]}"
        return _refused(HTTPStatus.BAD_REQUEST, said, ports, settings)
    if not api_key:
        return Redirect(f"{base_path(settings)}/", status_code=HTTPStatus.SEE_OTHER.value)
    if request.scope["state"].get(IS_HEAD):
        # Whatever looks at a link before somebody follows it must not use the link up.
        return Response("", media_type=MediaType.HTML)
    return await _finish(
        token,
        Secret(api_key),
        caller=caller,
        ports=ports,
        settings=settings,
        provider_threads=provider_threads,
    )


async def _finish(
    token: str,
    key: Secret,
    *,
    caller: Caller,
    ports: Ports,
    settings: HTTPSettings,
    provider_threads: ProviderThreads,
) -> Response[str]:
    if not token:
        said = "The link lacks its state; start again."
        return _refused(HTTPStatus.BAD_REQUEST, said, ports, settings)
    try:
        connected = await provider_threads.run(
            lambda: _connect(token, key, caller, ports, settings)
        )
    except KeysatError as exc:
        refused = answer(exc, request_id=caller.request_id, is_for_operator=True)
        log.warning("btcpay_not_connected", code=exc.code, problem=str(exc))
        return _refused(refused.status, refused.body.message, ports, settings)
    log.info("btcpay_connected", network=connected.network, warnings=list(connected.warnings))
    return render_page(
        "connect.html",
        ports=ports,
        settings=settings,
        is_connected=True,
        profile=connected.profile.name,
        store=connected.store.name,
        network=connected.network,
        warnings=connected.warnings,
    )


def _connect(
    token: str, key: Secret, caller: Caller, ports: Ports, settings: HTTPSettings
) -> Connected:
    return finish_connect(
        public_actor(caller),
        FinishConnect(token=Secret(token), api_key=key),
        public_url=webhook_base(settings.public_url, settings.internal_url),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        entropy=ports.entropy,
        btcpay=ports.btcpay,
    )


def _refused(status: int, problem: str, ports: Ports, settings: HTTPSettings) -> Response[str]:
    page = render_page(
        "connect.html", ports=ports, settings=settings, is_connected=False, problem=problem
    )
    page.status_code = int(status)
    return page


def _api_key(body: bytes) -> Secret | None:
    """Read the key of BTCPay's form; its other fields are of no interest."""
    try:
        fields = parse_qsl(body.decode("utf-8"), max_num_fields=_FIELDS_MAX)
    except ValueError:
        return None
    return next((Secret(value) for name, value in fields if name == "apiKey" and value), None)
