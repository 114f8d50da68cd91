"""The operator's own tier of Keysat. Source: admin-api 2.13."""

from litestar.di import NamedDependency

from keysat_core.domain.actor import Actor
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.show_tier import show_tier
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings
from keysat_http.views.tier import TierOverview, tier_view


@get("/v1/admin/tier", tags=["tier"])
def get_tier(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
) -> TierOverview:
    """Show the tier in force, its caps and what counts against them."""
    overview = show_tier(actor, store=ports.store, self_license=ports.self_license)
    return tier_view(overview, is_sandbox=settings.is_sandbox)
