"""What all screens share: who is signed in, where one can go, the tier, and what is connected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import State
from litestar.di import NamedDependency

from keysat_core.domain.access import OPERATION_SCOPES
from keysat_core.domain.actor import Actor, Scope
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.web_session import csrf_token
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.show_providers import Connection, find_connection
from keysat_core.use_cases.server.show_start import Start, show_start
from keysat_core.use_cases.server.show_tier import show_tier
from keysat_http.pages.rendering import base_path, render
from keysat_http.settings import HTTPSettings
from keysat_http.views.tier import TierOverview, tier_view
from keysat_http.web_sessions import WebSessions


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place of the navigation; only those see it whose session has the scope."""

    path: str
    name: str
    needs: Scope


HOME: Final = "/admin/"
SELLING: Final[Sequence[Place]] = (
    Place(path=HOME, name="Overview", needs=Scope.TIER_READ),
    Place(path="/admin/products", name="Products", needs=Scope.PRODUCTS_READ),
    Place(path="/admin/policies", name="Policies", needs=Scope.POLICIES_READ),
    Place(path="/admin/subscriptions", name="Subscriptions", needs=Scope.SUBSCRIPTIONS_READ),
    Place(path="/admin/codes", name="Discount codes", needs=Scope.DISCOUNT_CODES_READ),
    Place(path="/admin/licenses", name="Licenses", needs=Scope.LICENSES_READ),
    Place(path="/admin/machines", name="Machines", needs=Scope.MACHINES_READ),
    Place(path="/admin/invoices", name="Invoices", needs=Scope.INVOICES_READ),
)
RUNNING: Final[Sequence[Place]] = (
    Place(path="/admin/profiles", name="Merchant profiles", needs=Scope.MERCHANT_PROFILES_READ),
    Place(path="/admin/webhooks", name="Webhooks", needs=Scope.WEBHOOKS_READ),
    Place(path="/admin/audit", name="Audit log", needs=Scope.AUDIT_READ),
    Place(path="/admin/api-keys", name="API keys", needs=Scope.MASTER),
    Place(path="/admin/security", name="Security", needs=Scope.TIER_READ),
    Place(path="/admin/health", name="System health", needs=Scope.MASTER),
    Place(path="/admin/settings", name="Settings", needs=Scope.SETTINGS_READ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One request for a screen.

    Attributes:
        actor: Who is signed in; hand it to use cases.
        csrf: The token that what the screen asks of the API must show; empty without a session.
        now: The instant of the request.
        path: What was asked for, without the query.
        query: The rest of what was asked for; a screen's state is all there.
        tier: The tier in force, with what counts against its caps.
        btcpay: The connected BTCPay Server, the default profile's if there are several.
        start: How far the shop has been set up.
    """

    actor: Actor
    ports: Ports
    settings: HTTPSettings
    csrf: str
    now: Instant
    path: str
    query: Mapping[str, str]
    tier: TierOverview
    btcpay: Connection | None
    start: Start

    def may(self, operation: str) -> bool:
        """Tell whether the session may do an operation of the admin API, by its name."""
        return OPERATION_SCOPES.get(operation) in self.actor.scopes

    def address(self, **changes: object) -> str:
        """Give the address of this screen in another state: None and blank leave a value out."""
        state = {**self.query} | {name: str(value) for name, value in changes.items()}
        blank = {name for name, value in changes.items() if value is None or value == ""}
        kept = {name: value for name, value in state.items() if name not in blank and value}
        return "?" + urlencode(kept)

    def page(self, template: str, **values: object) -> Response[str]:
        """Render a screen, whose template extends ``admin/frame.html``."""
        shared = {
            "frame": self,
            "may": self.may,
            "tier": self.tier,
            "btcpay": self.btcpay,
            "selling": self._visible(SELLING),
            "running": self._visible(RUNNING),
        }
        return render(template, shared | values, ports=self.ports, settings=self.settings)

    def link(self, path: str, **values: object) -> str:
        """Give the address of something else of this server; blank values are left out."""
        query = {name: str(value) for name, value in values.items() if value}
        return base_path(self.settings) + path + (f"?{urlencode(query)}" if query else "")

    def is_at(self, place: Place) -> bool:
        """Tell whether the screen belongs to a place of the navigation."""
        if place.path == HOME:
            return self.path.rstrip("/") == HOME.rstrip("/")
        return self.path == place.path or self.path.startswith(place.path + "/")

    def _visible(self, places: Sequence[Place]) -> list[Place]:
        return [place for place in places if place.needs in self.actor.scopes]


def provide_frame(
    request: Request[object, object, State],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    sessions: NamedDependency[WebSessions],
) -> Frame:
    """Give the frame of a request for a screen."""
    found = sessions.find_open(request.scope)
    overview = show_tier(actor, store=ports.store, self_license=ports.self_license)
    is_sandbox = settings.is_sandbox or ports.sandbox is not None
    return Frame(
        actor=actor,
        ports=ports,
        settings=settings,
        csrf="" if found is None else csrf_token(found.token).reveal(),
        now=ports.clock.now(),
        path=request.url.path,
        query={name: values[0] for name, values in request.query_params.dict().items()},
        tier=tier_view(overview, is_sandbox=is_sandbox),
        btcpay=find_connection(actor, ProviderKind.BTCPAY, store=ports.store, clock=ports.clock),
        start=show_start(
            actor,
            configured_name=settings.operator_name,
            is_sandbox=is_sandbox,
            store=ports.store,
        ),
    )
