"""Free a machine's seat, on request of the sold software or of an operator."""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import machine_deactivated, outbox_event
from keysat_core.domain.ids import EventId, LicenseId, MachineId
from keysat_core.domain.instant import Instant
from keysat_core.domain.machine import Candidate, Machine, release
from keysat_core.domain.text import cut_text
from keysat_core.errors import NotFound
from keysat_core.limits import REASON_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction
from keysat_core.signing.license_key import LicensePayload

CLIENT_REASON: Final = "client_requested"
"""Reason when the software gives none (public-api 10.3)."""

OPERATOR_REASON: Final = "admin deactivate"
"""Reason when the operator gives none (admin-api 2.7)."""


class DeactivateMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A verified key's payload, the machine that gives up its seat, and why."""

    payload: LicensePayload
    candidate: Candidate
    reason: str | None = None


def deactivate_machine(
    actor: Actor, command: DeactivateMachine, *, store: Store, clock: Clock, ids: Ids
) -> Machine | None:
    """Free the seat the software holds, whatever the state of its license; None if it has none."""
    now = clock.now()
    reason = cut_text(command.reason, REASON_CHARS_MAX, field="reason") or CLIENT_REASON
    with store.writing() as tx:
        machine = tx.machines.find_live_machine(
            LicenseId(command.payload.license_id), command.candidate.hash
        )
        if machine is None:
            return None
        return _release(tx, actor, machine, reason=reason, ids=ids, now=now)


def release_machine(
    actor: Actor,
    machine_id: MachineId,
    *,
    reason: str | None,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> Machine:
    """Free a seat as the operator; the lock of a single-seat license goes with it (D22).

    Raises:
        Forbidden: the actor lacks ``machines:write``.
        NotFound: no such machine, or it is deactivated already.
    """
    authorize(actor, Scope.MACHINES_WRITE)
    now = clock.now()
    why = cut_text(reason, REASON_CHARS_MAX, field="reason") or OPERATOR_REASON
    with store.writing() as tx:
        machine = tx.machines.get_machine(machine_id)
        if not machine.active:
            raise NotFound("active machine", machine_id)
        return _release(tx, actor, machine, reason=why, ids=ids, now=now)


def _release(
    tx: Transaction, actor: Actor, machine: Machine, *, reason: str, ids: Ids, now: Instant
) -> Machine:
    license = tx.licenses.get_license(machine.license_id)
    unlocked, freed = release(license, machine, reason=reason, now=now)
    if unlocked != license:
        tx.licenses.put_license(unlocked)
    tx.machines.put_machine(freed)
    tx.trail.append_audit(
        audited(
            actor,
            "machine.deactivate",
            now,
            target=("machine", freed.id),
            license_id=license.id,
            reason=reason,
        )
    )
    event = machine_deactivated(freed)
    tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return freed
