"""Machines on the wire: what the software is told and what operators see.

Source: public-api 10; admin-api 2.7. Operators never see a fingerprint.
"""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import MachineRow
from keysat_core.use_cases.machines.activate_machine import SeatAnswer
from keysat_core.use_cases.machines.heartbeat_machine import HeartbeatAnswer
from keysat_core.use_cases.machines.list_machines import MachinePage


class Activation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a machine has a seat; every key is always there."""

    ok: bool
    machine_id: str | None
    active_count: int
    max_machines: int
    reason: str | None


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The machine, or why its heartbeat counts for nothing."""

    ok: bool
    machine_id: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Deactivation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the machine had a seat to give up."""

    ok: bool
    reason: str | UnsetType = UNSET


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine with its license and product."""

    id: str
    license_id: str
    product_id: str
    product_slug: str
    product_name: str
    buyer_email: str | None
    license_status: LicenseStatus
    hostname: str | None
    platform: str | None
    ip_last_seen: str | None
    activated_at: str
    last_heartbeat_at: str
    deactivated_at: str | None
    deactivation_reason: str | None
    active: bool


class MachineList(msgspec.Struct, frozen=True, kw_only=True):
    """Machines, most recently seen first. ``total`` counts all that match, if it is exact."""

    machines: list[Machine]
    total: int
    is_total_exact: bool


def activation_view(answer: SeatAnswer) -> Activation:
    """Render the answer to a claim for a seat."""
    return Activation(
        ok=answer.reason is None,
        machine_id=answer.machine_id,
        active_count=answer.active_count,
        max_machines=answer.max_machines,
        reason=answer.reason,
    )


def heartbeat_view(answer: HeartbeatAnswer) -> Heartbeat:
    """Render the answer to a heartbeat."""
    if answer.reason is not None:
        return Heartbeat(ok=False, reason=answer.reason)
    return Heartbeat(ok=True, machine_id=answer.machine_id or UNSET)


def machine_list_view(page: MachinePage) -> MachineList:
    """Render a page of machines in the order given."""
    return MachineList(
        machines=[_machine_view(row) for row in page.rows],
        total=page.total.number,
        is_total_exact=page.total.is_exact,
    )


def _machine_view(row: MachineRow) -> Machine:
    machine = row.machine
    return Machine(
        id=machine.id,
        license_id=machine.license_id,
        product_id=row.product_id,
        product_slug=row.product_slug,
        product_name=row.product_name,
        buyer_email=row.buyer_email,
        license_status=row.license_status,
        hostname=machine.hostname,
        platform=machine.platform,
        ip_last_seen=machine.ip_last_seen,
        activated_at=rfc3339(machine.activated_at),
        last_heartbeat_at=rfc3339(machine.last_heartbeat_at),
        deactivated_at=rfc3339_or_none(machine.deactivated_at),
        deactivation_reason=machine.deactivation_reason,
        active=machine.active,
    )
