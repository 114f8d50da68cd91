"""The application: routes, what handlers are given, and the edge around it all."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from keysat_core.domain.access import OPERATION_SCOPES
from keysat_core.domain.actor import Scope as OperationScope
from keysat_core.limits import BODY_BYTES_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.ports.seal import AnswerSeal
from keysat_http import health, meta, metrics, openapi
from keysat_http.api_key_tokens import ApiKeyTokens
from keysat_http.auth import Authenticator, CredentialSource, MasterKey, provide_actor
from keysat_http.bodies import JSONRequest
from keysat_http.client_address import Caller, Callers
from keysat_http.edge import Edge, FastRoute
from keysat_http.framework_errors import ADMIN_PREFIX, render
from keysat_http.idempotency import KeyedRequests
from keysat_http.leasing import LeaseKeeper
from keysat_http.lifecycle import Lifecycle
from keysat_http.meters import Meters, Readings
from keysat_http.rate_limits import RateLimiter
from keysat_http.request_ports import ports_for
from keysat_http.settings import HTTPSettings
from keysat_http.ticks import Tick, TickRunner
from keysat_http.uses import USES_FLUSH_SECONDS, UseBook
from keysat_http.web_sessions import WebSessions

NO_STORE: Final = (
    ADMIN_PREFIX,
    "/admin",
    "/metrics",
    "/v1/btcpay/authorize",
    "/v1/purchase",
    "/v1/redeem",
    "/v1/recover",
    "/v1/upgrade",
    "/thank-you",
    "/buy",
    "/checkout",
    "/receipt",
    "/recover",
)
"""Paths whose answers may carry a license key or shop data (public-api 0)."""

OWN_ROUTES: Final[Sequence[ControllerRouterHandler]] = (
    health.get_health,
    health.get_readiness,
    metrics.get_metrics,
    meta.get_service_info,
    meta.get_public_key,
    meta.get_issuer_public_key,
    openapi.get_openapi_document,
)
RATE_FLUSH_SECONDS: Final = 10
NOTHING: Final[Mapping[str, Provide]] = {}


class Application:
    """The ASGI application, and what the process around it needs.

    Attributes:
        litestar: The routed application inside, for its OpenAPI document.
        lifecycle: Tell it that the stop begins.
        limiter: The rate limits.
        meters: What is counted.
        metrics: What was counted, spelled out.
    """

    def __init__(
        self,
        litestar: Litestar,
        edge: Edge,
        lifecycle: Lifecycle,
        limiter: RateLimiter,
        *,
        meters: Meters,
        page: metrics.MetricsPage,
    ) -> None:
        self.litestar = litestar
        self.lifecycle = lifecycle
        self.limiter = limiter
        self.meters = meters
        self.metrics = page
        self._edge = edge

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI connection."""
        return self._edge(scope, receive, send)


def routed(handlers: Sequence[ControllerRouterHandler], **options: Any) -> Litestar:
    """Make the framework's application of some routes.

    They come in one router, because Litestar takes in the earlier methods of a path once more with
    each later one that is registered by itself, and then runs those in a thread of a thread.
    """
    return Litestar([Router("/", route_handlers=handlers)], **options)


def create_app(
    ports: Ports,
    settings: HTTPSettings,
    *,
    seal: AnswerSeal,
    route_handlers: Sequence[ControllerRouterHandler] = (),
    ticks: Sequence[Tick] = (),
    credentials: Sequence[CredentialSource] = (),
    operation_scopes: Mapping[str, OperationScope] = OPERATION_SCOPES,
    fast_routes: Callable[[RateLimiter, Callers, Meters], Mapping[str, FastRoute]] = lambda *_: {},
    read: Callable[[], Readings] = Readings,
    dependencies: Mapping[str, Provide] = NOTHING,
    framework: Callable[..., Litestar] = routed,
) -> Application:
    """Build the application.

    Handlers are given ``ports settings actor caller limiter meters sessions uses`` by these names.

    Args:
        ports: What the core needs of the world.
        settings: What the composition root knows.
        seal: Keeps answers such that only who was given one can read it.
        route_handlers: Routes beside those of this package's own modules.
        ticks: Background jobs.
        credentials: What else proves a caller besides the master key, API keys and sessions.
        operation_scopes: The scope of every admin operation among the routes, by its name.
        fast_routes: Makes the POSTs that go around the framework. The same path is among
            ``route_handlers`` too, for the OpenAPI document.
        read: Gives what the adapters count.
        dependencies: What ``route_handlers`` are given besides.
        framework: Makes the routed application, which takes a quarter of a second; a test suite
            may hand in one that keeps what it made.
    """
    limiter = RateLimiter(ports.store, is_limiting=settings.is_rate_limited)
    uses = UseBook(ports.store)
    callers = Callers(settings.trusted_proxies)
    sessions = WebSessions(
        ports,
        uses,
        callers,
        master_key=settings.admin_api_key,
        is_cookie_secure=settings.is_cookie_secure,
    )
    sources: list[CredentialSource] = [
        MasterKey(settings.admin_api_key),
        ApiKeyTokens(ports, uses),
        *credentials,
    ]
    runner = TickRunner(
        [*ticks, _rate_flush(ports, limiter), _uses_flush(uses)],
        ports.clock,
        leases=LeaseKeeper(ports.store, ports.clock, ports.ids),
    )
    lifecycle = Lifecycle(ports, limiter, runner)
    probe = health.Probe(ports)
    meters = Meters(ticks=runner.meters)
    page = metrics.MetricsPage(meters, read)

    def provide_ports(request: Request[object, object, State]) -> Ports:
        return ports_for(request, ports)

    def provide_caller(request: Request[object, object, State]) -> Caller:
        return callers.caller_of(request.scope)

    litestar = framework(
        [*OWN_ROUTES, *route_handlers],
        dependencies={
            **dependencies,
            "ports": Provide(provide_ports, sync_to_thread=False),
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "limiter": Provide(lambda: limiter, sync_to_thread=False),
            "meters": Provide(lambda: meters, sync_to_thread=False),
            "sessions": Provide(lambda: sessions, sync_to_thread=False),
            "uses": Provide(lambda: uses, sync_to_thread=False),
            "page": Provide(lambda: page, sync_to_thread=False),
            "lifecycle": Provide(lambda: lifecycle, sync_to_thread=False),
            "probe": Provide(lambda: probe, sync_to_thread=False),
            "caller": Provide(provide_caller, sync_to_thread=False),
            "actor": Provide(provide_actor, sync_to_thread=False),
        },
        debug=False,
        exception_handlers={Exception: render},
        lifespan=[lifecycle.running],
        logging_config=None,
        openapi_config=openapi.openapi_config(
            version=settings.version, public_url=settings.public_url
        ),
        pdb_on_exception=False,
        request_class=JSONRequest,
        request_max_body_size=BODY_BYTES_MAX,
        state=State(
            {
                "authenticator": Authenticator(sources, sessions),
                "ports": ports,
                "settings": settings,
                "operation_scopes": operation_scopes,
                "keyed_requests": KeyedRequests(ports.store, ports.clock, seal),
            }
        ),
    )
    edge = Edge(
        litestar,
        callers=callers,
        no_store=NO_STORE,
        fast_routes=fast_routes(limiter, callers, meters),
        meters=meters,
    )
    return Application(litestar, edge, lifecycle, limiter, meters=meters, page=page)


def _rate_flush(ports: Ports, limiter: RateLimiter) -> Tick:
    return Tick(
        name="rate_limits",
        first_after_seconds=RATE_FLUSH_SECONDS,
        every_seconds=RATE_FLUSH_SECONDS,
        run=lambda: limiter.flush(ports.clock.now()),
    )


def _uses_flush(uses: UseBook) -> Tick:
    return Tick(
        name="credential_uses",
        first_after_seconds=USES_FLUSH_SECONDS,
        every_seconds=USES_FLUSH_SECONDS,
        run=uses.flush,
    )
