"""Leases of background jobs as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.lease import Lease

LEASES: Final = Table("leases", ("name", "holder", "held_until", "finished_at"))
_FIND: Final = LEASES.select("WHERE name = ?")
_LIST: Final = LEASES.select("ORDER BY name")
_PUT: Final = LEASES.upsert(key=("name",))


def _lease(row: Row) -> Lease:
    return Lease(name=row[0], holder=row[1], held_until=row[2], finished_at=row[3])


class SQLiteLeases:
    """Implements ``ports.store.Leases``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_lease(self, name: str) -> Lease | None:
        """Give a job's lease or None."""
        return LEASES.found(_lease, self._session.row(_FIND, (name,)))

    def list_leases(self) -> list[Lease]:
        """Give every lease by name."""
        return LEASES.values(_lease, self._session.rows(_LIST))

    def put_lease(self, lease: Lease) -> None:
        """Insert or replace a job's lease."""
        self._session.run(_PUT, (lease.name, lease.holder, lease.held_until, lease.finished_at))
