"""How the server is, for its operator; ``keysat_http.health`` tells machines."""

from litestar.di import NamedDependency

from keysat_core.domain.actor import Actor
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.show_health import show_health
from keysat_http.lifecycle import Lifecycle
from keysat_http.routes import get
from keysat_http.views.health import ServerHealth, health_view


@get("/v1/admin/health", tags=["server"])
def get_server_health(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    lifecycle: NamedDependency[Lifecycle],
) -> ServerHealth:
    """Make the doctor's quick checks; tell of backups, files, rates, jobs and deliveries. Master key only."""
    shown = show_health(
        actor, store=ports.store, rates=ports.rates, clock=ports.clock, checkup=ports.checkup
    )
    return health_view(shown, lifecycle.tick_meters)
