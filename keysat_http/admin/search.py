"""One box that finds anything."""

from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.actor import Actor
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.find_anything import find_anything as find
from keysat_http.routes import get
from keysat_http.views.search import FoundView, found_view


@get("/v1/admin/search", tags=["server"])
def find_anything(
    actor: NamedDependency[Actor], ports: NamedDependency[Ports], q: FromQuery[str] = ""
) -> FoundView:
    """Find licenses, buyers, invoices, machines, codes, products, policies and webhook endpoints."""
    return found_view(q, find(actor, q, store=ports.store, keys=ports.keys))
