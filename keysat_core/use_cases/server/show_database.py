"""Tell about the database as a whole."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.database_info import DatabaseInfo
from keysat_core.ports.store import Store


def show_database(actor: Actor, *, store: Store) -> DatabaseInfo:
    """Give its file, its size and how many rows it has (admin-api 2.17).

    Raises:
        Forbidden: the actor does not hold the master key.
    """
    authorize(actor, Scope.MASTER)
    with store.reading() as tx:
        return tx.statistics.database_info()
