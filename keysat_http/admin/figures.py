"""The figures of a shop, for its overview."""

from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.actor import Actor
from keysat_core.domain.figures import MONTH_DAYS
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.show_figures import show_figures
from keysat_http.routes import get
from keysat_http.views.figures import Figures, figures_view


@get("/v1/admin/figures", tags=["revenue"])
def get_figures(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    days: FromQuery[int] = MONTH_DAYS,
) -> Figures:
    """Show revenue, licenses and validations of the last 7, 30, 90 or 365 days, and subscriptions."""
    return figures_view(
        show_figures(
            actor,
            days=days,
            store=ports.store,
            validations=ports.validations,
            rates=ports.rates,
            clock=ports.clock,
        )
    )
