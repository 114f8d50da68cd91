"""Machines as rows."""

from collections.abc import Iterable
from typing import Final

from keysat_adapters.sqlite.list_query import Bound, ListQuery, kept_total
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import MachineFilter, MachineRow, Total
from keysat_core.domain.machine import Machine
from keysat_core.errors import NotFound

MACHINES: Final = Table(
    "machines",
    (
        "id",
        "license_id",
        "fingerprint",
        "fingerprint_hash",
        "hostname",
        "platform",
        "ip_last_seen",
        "activated_at",
        "last_heartbeat_at",
        "deactivated_at",
        "deactivation_reason",
    ),
)
_WIDTH: Final = len(MACHINES.columns)
_BY_ID: Final = MACHINES.select("WHERE id = ?")
_LIVE: Final = MACHINES.select(
    "WHERE license_id = ? AND fingerprint_hash = ? AND deactivated_at IS NULL"
)
_COUNT_LIVE: Final = "SELECT count(*) FROM machines WHERE license_id = ? AND deactivated_at IS NULL"
_PUT: Final = MACHINES.upsert()
# One statement for all rows, so that the write lock is not held between them.
_PUT_HEARTBEATS: Final = (
    "UPDATE machines SET last_heartbeat_at = max(last_heartbeat_at, beat.seen_at),"
    " ip_last_seen = coalesce(beat.ip, ip_last_seen)"
    " FROM (SELECT value ->> 0 AS machine_id, value ->> 1 AS seen_at, value ->> 2 AS ip"
    " FROM json_each(?)) AS beat"
    " WHERE machines.id = beat.machine_id AND machines.deactivated_at IS NULL"
)
_NAMED: Final = (
    "JOIN licenses ON licenses.id = machines.license_id"
    " JOIN products ON products.id = licenses.product_id"
)
_NAMES: Final = (
    "licenses.status",
    "licenses.buyer_email",
    "products.id",
    "products.slug",
    "products.name",
)


def read_machine(row: Row) -> Machine:
    """Read a machine from the columns of ``MACHINES``, whatever follows them."""
    return Machine(
        id=row[0],
        license_id=row[1],
        fingerprint=row[2],
        fingerprint_hash=row[3],
        hostname=row[4],
        platform=row[5],
        ip_last_seen=row[6],
        activated_at=row[7],
        last_heartbeat_at=row[8],
        deactivated_at=row[9],
        deactivation_reason=row[10],
    )


def _machine_row(row: Row) -> MachineRow:
    status, buyer_email, product_id, slug, name = row[_WIDTH:]
    return MachineRow(
        machine=read_machine(row),
        license_status=LicenseStatus(status),
        buyer_email=buyer_email,
        product_id=product_id,
        product_slug=slug,
        product_name=name,
    )


def list_query(criteria: MachineFilter) -> ListQuery:
    """Say which machines are asked for, by the index that leaves fewest."""
    query = ListQuery(table="machines", order=("last_heartbeat_at", "id")).matching(
        {"license_id": criteria.license_id, "product_id": criteria.product_id}
    )
    return query if criteria.is_inactive_included else query.where("deactivated_at IS NULL")


def list_statement(
    criteria: MachineFilter, total: Total | None = None
) -> tuple[str, tuple[Bound, ...]]:
    """Spell the query for a page of machines, and its values."""
    return list_query(criteria).page(
        MACHINES,
        _NAMED,
        also=_NAMES,
        limit=criteria.limit,
        offset=criteria.offset,
        total=total,
    )


class SQLiteMachines:
    """Implements ``ports.store.Machines``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_machine(self, machine_id: MachineId) -> Machine:
        """Give a machine; raises ``NotFound``."""
        machine = MACHINES.found(read_machine, self._session.row(_BY_ID, (machine_id,)))
        if machine is None:
            raise NotFound("machine", machine_id)
        return machine

    def find_live_machine(self, license_id: LicenseId, fingerprint_hash: str) -> Machine | None:
        """Give the live machine with this hash or None."""
        row = self._session.row(_LIVE, (license_id, fingerprint_hash))
        return MACHINES.found(read_machine, row)

    def count_live_machines(self, license_id: LicenseId) -> int:
        """Count the seats taken."""
        return self._session.number(_COUNT_LIVE, (license_id,))

    def put_machine(self, machine: Machine) -> None:
        """Insert or replace a machine."""
        self._session.run(
            _PUT,
            (
                machine.id,
                machine.license_id,
                machine.fingerprint,
                machine.fingerprint_hash,
                machine.hostname,
                machine.platform,
                machine.ip_last_seen,
                machine.activated_at,
                machine.last_heartbeat_at,
                machine.deactivated_at,
                machine.deactivation_reason,
            ),
        )

    def put_heartbeats(self, beats: Iterable[Heartbeat]) -> None:
        """Fold heartbeats into live machines."""
        rows = [(beat.machine_id, beat.seen_at, beat.ip) for beat in beats]
        self._session.run(_PUT_HEARTBEATS, (json_text(rows),))

    def list_machines(self, criteria: MachineFilter) -> list[MachineRow]:
        """Give a page of machines, most recently seen first."""
        total = self.count_machines(criteria) if criteria.offset else None
        return MACHINES.values(_machine_row, self._session.rows(*list_statement(criteria, total)))

    def count_machines(self, criteria: MachineFilter) -> Total:
        """Count the machines that match."""
        if criteria.license_id is not None:
            return list_query(criteria).total(self._session)
        live = None if criteria.is_inactive_included else "live"
        return kept_total(self._session, "machines", (criteria.product_id, live))
