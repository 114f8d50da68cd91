"""Give a machine a seat on request of the sold software."""

from typing import assert_never

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import machine_activated, outbox_event
from keysat_core.domain.ids import EventId, LicenseId, MachineId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License, Standing, standing
from keysat_core.domain.machine import (
    Candidate,
    SeatClaim,
    SeatKept,
    SeatRefused,
    SeatTaken,
    claim,
    is_bound_elsewhere,
    must_be_saved,
)
from keysat_core.domain.validation import Facts, Reason
from keysat_core.errors import NotFound
from keysat_core.ports.activity import Heartbeats
from keysat_core.ports.clock import Clock
from keysat_core.ports.facts import ValidationFacts
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
    actor: Actor,
    command: ActivateMachine,
    *,
    store: Store,
    facts: ValidationFacts,
    heartbeats: Heartbeats,
    clock: Clock,
    ids: Ids,
) -> SeatAnswer:
    """Seat a machine; activating a seated one only notes that it was seen.

    Source: public-api 10.1. The seat rule is the one validation uses (D20), with the one
    difference that a locked license answers ``too_many_machines`` here.

    Raises:
        NotFound: the license was deleted.
    """
    now = clock.now()
    known = _facts(facts, command)
    seat = _claim(known, command, machine_id=MachineId(""), now=now)
    if isinstance(seat, SeatTaken | SeatKept) and must_be_saved(seat, known.license):
        machine_id = MachineId(ids.new())
        with store.writing() as tx:
            known = _facts(tx.facts, command)
            seat = _claim(known, command, machine_id=machine_id, now=now)
            _save(tx, actor, known.license, seat, ids=ids, now=now)
    elif isinstance(seat, SeatKept) and seat.machine is not None:
        heartbeats.note(seat.machine.id, now, command.candidate.ip)
    return _answer(known, seat)


def _facts(facts: ValidationFacts, command: ActivateMachine) -> Facts:
    license_id = LicenseId(command.payload.license_id)
    known = facts.find_facts(license_id, command.candidate.hash)
    if known is None:
        raise NotFound("license", license_id)
    return known


def _claim(
    known: Facts, command: ActivateMachine, *, machine_id: MachineId, now: Instant
) -> SeatClaim | Standing | Reason:
    """Give the claim, or why none can be made."""
    state = standing(known.license, now)
    if state in {Standing.REVOKED, Standing.SUSPENDED, Standing.EXPIRED}:
        return state
    if is_bound_elsewhere(command.payload, command.candidate):
        return Reason.FINGERPRINT_MISMATCH
    assert known.seats is not None  # noqa: S101  asked for with a fingerprint
    return claim(known.license, known.seats, command.candidate, machine_id=machine_id, now=now)


def _save(
    tx: Transaction,
    actor: Actor,
    license: License,
    seat: SeatClaim | Standing | Reason,
    *,
    ids: Ids,
    now: Instant,
) -> None:
    if not isinstance(seat, SeatTaken | SeatKept):
        return
    if seat.license is not license:
        tx.licenses.put_license(seat.license)
    if isinstance(seat, SeatTaken):
        tx.machines.put_machine(seat.machine)
        target = ("machine", seat.machine.id)
        tx.trail.append_audit(
            audited(actor, "machine.activate", now, target=target, license_id=license.id)
        )
        event = machine_activated(seat.machine)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def _answer(known: Facts, seat: SeatClaim | Standing | Reason) -> SeatAnswer:
    count = known.seats.active_count if known.seats else 0
    most = known.license.max_machines
    match seat:
        case SeatRefused():
            return SeatAnswer(
                reason=Reason.TOO_MANY_MACHINES, active_count=count, max_machines=most
            )
        case SeatTaken(machine=machine):
            return SeatAnswer(machine_id=machine.id, active_count=count + 1, max_machines=most)
        case SeatKept(machine=kept):
            machine_id = kept.id if kept else None
            return SeatAnswer(machine_id=machine_id, active_count=count, max_machines=most)
        case Standing() | Reason():
            return SeatAnswer(reason=seat, max_machines=most)
        case _ as never:
            assert_never(never)
