"""The database as a whole. Source: admin-api 2.17."""

from litestar.di import NamedDependency

from keysat_core.domain.actor import Actor
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.show_database import show_database
from keysat_http.routes import get
from keysat_http.views.database import DatabaseInfo, database_view


@get("/v1/admin/db-info", tags=["server"])
def get_database_info(actor: NamedDependency[Actor], ports: NamedDependency[Ports]) -> DatabaseInfo:
    """Tell where the database is, how large it is, and how many rows it has. Master key only."""
    return database_view(show_database(actor, store=ports.store))
