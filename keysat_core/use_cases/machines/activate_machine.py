"""Give a machine a seat on request of the sold software."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import machine_activated, outbox_event
from keysat_core.domain.ids import EventId, LicenseId, MachineId
from keysat_core.domain.license import License, Standing, standing
from keysat_core.domain.machine import (
    Candidate,
    SeatKept,
    SeatRefused,
    Seats,
    SeatTaken,
    claim,
    is_bound_elsewhere,
)
from keysat_core.domain.validation import Reason
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction
from keysat_core.signing.license_key import LicensePayload


class ActivateMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A verified key's payload and the machine that holds the key."""

    payload: LicensePayload
    candidate: Candidate


class SeatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the machine has a seat. ``reason`` is set exactly when it has not.

    ``machine_id`` is also None when only the lock of older data vouches for the machine.
    """

    reason: str | None = None
    machine_id: MachineId | None = None
    active_count: int = 0
    max_machines: int


def activate_machine(
    actor: Actor, command: ActivateMachine, *, store: Store, clock: Clock, ids: Ids
) -> SeatAnswer:
    """Seat a machine; activating a seated one only notes that it was seen.

    Source: public-api 10.1. The seat rule is the one validation uses (D20), with the one
    difference that a locked license answers ``too_many_machines`` here.

    Raises:
        NotFound: the license was deleted.
    """
    now = clock.now()
    with store.writing() as tx:
        license = tx.licenses.get_license(LicenseId(command.payload.license_id))
        reason = _refusal(standing(license, now), command)
        if reason is not None:
            return SeatAnswer(reason=reason, max_machines=license.max_machines)
        seats = Seats(
            own=tx.machines.find_live_machine(license.id, command.candidate.hash),
            active_count=tx.machines.count_live_machines(license.id),
        )
        machine_id = MachineId(ids.new())
        seat = claim(license, seats, command.candidate, machine_id=machine_id, now=now)
        if isinstance(seat, SeatRefused):
            return SeatAnswer(
                reason=Reason.TOO_MANY_MACHINES,
                active_count=seats.active_count,
                max_machines=license.max_machines,
            )
        _save(tx, license, seat)
        if isinstance(seat, SeatTaken):
            target = ("machine", seat.machine.id)
            tx.trail.append_audit(
                audited(actor, "machine.activate", now, target=target, license_id=license.id)
            )
            event = machine_activated(seat.machine)
            tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return SeatAnswer(
        machine_id=seat.machine.id if seat.machine else None,
        active_count=seats.active_count + isinstance(seat, SeatTaken),
        max_machines=license.max_machines,
    )


def _refusal(state: Standing, command: ActivateMachine) -> str | None:
    if state in {Standing.REVOKED, Standing.SUSPENDED, Standing.EXPIRED}:
        return state
    is_bound = is_bound_elsewhere(command.payload, command.candidate)
    return Reason.FINGERPRINT_MISMATCH if is_bound else None


def _save(tx: Transaction, license: License, seat: SeatKept | SeatTaken) -> None:
    if seat.license != license:
        tx.licenses.put_license(seat.license)
    if seat.machine is not None:
        tx.machines.put_machine(seat.machine)
