"""Note that a machine is in use."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.domain.license import Standing, standing
from keysat_core.domain.machine import Candidate
from keysat_core.ports.activity import Heartbeats
from keysat_core.ports.clock import Clock
from keysat_core.ports.facts import ValidationFacts
from keysat_core.signing.license_key import LicensePayload

NOT_ACTIVATED = "not_activated"
"""Reason when the machine has no seat, or the license is unknown (public-api 10.2)."""


class HeartbeatMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A verified key's payload and the machine that holds the key."""

    payload: LicensePayload
    candidate: Candidate


class HeartbeatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The machine, or why its heartbeat counts for nothing."""

    machine_id: MachineId | None = None
    reason: str | None = None


def heartbeat_machine(
    actor: Actor,
    command: HeartbeatMachine,
    *,
    facts: ValidationFacts,
    heartbeats: Heartbeats,
    clock: Clock,
) -> HeartbeatAnswer:
    """Note the machine's time and address, at most once a minute.

    No audit row or event: nothing about the license changes.
    """
    now = clock.now()
    known = facts.find_facts(LicenseId(command.payload.license_id), command.candidate.hash)
    if known is None:
        return HeartbeatAnswer(reason=NOT_ACTIVATED)
    state = standing(known.license, now)
    if state not in {Standing.VALID, Standing.GRACE}:
        return HeartbeatAnswer(reason=state)
    machine = known.seats.own if known.seats else None
    if machine is None:
        return HeartbeatAnswer(reason=NOT_ACTIVATED)
    heartbeats.note(machine.id, now, actor.request_ip)
    return HeartbeatAnswer(machine_id=machine.id)
