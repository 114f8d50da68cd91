"""How the server is, for whoever runs it."""

from typing import Final

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.finding import Health
from keysat_core.use_cases.server.show_health import show_health
from keysat_core.use_cases.webhooks.list_endpoints import list_endpoints
from keysat_http.lifecycle import Lifecycle
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.views.health import jobs_of

TONES: Final = {Health.OK: "good", Health.WARNING: "warn", Health.FAILING: "bad"}
WORST_FIRST: Final = (Health.FAILING, Health.WARNING, Health.SKIPPED, Health.OK)


@screen("/admin/health", needs=Scope.MASTER)
def show_health_screen(
    frame: NamedDependency[Frame], lifecycle: NamedDependency[Lifecycle]
) -> Response[str]:
    """Show the doctor's quick checks with their remedies, and what the server needs to go on."""
    ports = frame.ports
    health = show_health(
        frame.actor, store=ports.store, rates=ports.rates, clock=ports.clock, checkup=ports.checkup
    )
    checks = sorted(health.checks or (), key=lambda one: WORST_FIRST.index(one.health))
    endpoints = list_endpoints(frame.actor, store=ports.store)
    return frame.page(
        "admin/health.html",
        health=health,
        checks=None if health.checks is None else checks,
        unwell=[one for one in checks if one.health in {Health.FAILING, Health.WARNING}],
        tones=TONES,
        jobs=jobs_of(health.jobs, lifecycle.tick_meters),
        urls={one.id: one.url for one in endpoints},
    )
