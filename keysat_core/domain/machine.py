"""Machines: the seats of a license, taken and freed by one pair of functions.

Source: lifecycles 3.2 (D20-D22), public-api 9.3 and 10.1 (a lock without a live machine is stale).
"""

from typing import Final, Self, TypeAlias

import msgspec

from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License
from keysat_core.domain.text import checked_text
from keysat_core.limits import FINGERPRINT_CHARS_MAX
from keysat_core.signing import LicensePayload, fingerprint_hash

SINGLE_SEAT: Final = 1
"""``max_machines`` of a license that is locked to its first machine."""

UNLIMITED: Final = 0
"""``max_machines`` of a license without a cap."""


class Machine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One installation on one license. Deactivation is final: the machine's next claim is a new row."""

    id: MachineId
    license_id: LicenseId
    fingerprint: str
    fingerprint_hash: str
    hostname: str | None = None
    platform: str | None = None
    ip_last_seen: str | None = None
    activated_at: Instant
    last_heartbeat_at: Instant
    deactivated_at: Instant | None = None
    deactivation_reason: str | None = None

    @property
    def active(self) -> bool:
        """A machine holds its seat until it is deactivated."""
        return self.deactivated_at is None

    def seen(self, beat: Heartbeat) -> Self:
        """Add a heartbeat to the row; an unknown address keeps the last known one."""
        return msgspec.structs.replace(
            self,
            last_heartbeat_at=max(beat.seen_at, self.last_heartbeat_at),
            ip_last_seen=beat.ip or self.ip_last_seen,
        )


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that asks for a seat, as it describes itself.

    ``hash`` is the lower-case hex SHA-256 of the raw fingerprint (lifecycles 1.3); it follows from
    the fingerprint, whatever is given.
    """

    fingerprint: str
    hostname: str | None = None
    platform: str | None = None
    ip: str | None = None
    hash: str = ""

    def __post_init__(self) -> None:
        checked_text(
            self.fingerprint, field="fingerprint", chars_max=FINGERPRINT_CHARS_MAX, required=True
        )
        # Asked for several times per validation, so it is worked out once.
        digest = fingerprint_hash(self.fingerprint).hex()
        msgspec.structs.force_setattr(self, "hash", digest)


def is_bound_elsewhere(payload: LicensePayload, candidate: Candidate) -> bool:
    """Tell whether a key is itself bound to another machine; older keys may be (lifecycles 1.4)."""
    return payload.is_fingerprint_bound and payload.fingerprint_hash.hex() != candidate.hash


class Seats(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What must be known to judge a claim: the candidate's own live machine and how many are live."""

    own: Machine | None
    active_count: int


class SeatKept(msgspec.Struct, frozen=True, kw_only=True, tag="kept"):
    """The machine already has its seat. ``machine`` None: the lock alone vouches (older data).

    ``license`` is the one that was judged, unless its lock was missing.
    """

    machine: Machine | None
    license: License


class SeatTaken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    """A new seat; ``license`` carries the lock of a single-seat license."""

    machine: Machine
    license: License


class SeatRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """No seat. ``is_locked``: the license belongs to one other machine."""

    is_locked: bool


SeatClaim: TypeAlias = SeatKept | SeatTaken | SeatRefused


def claim(
    license: License, seats: Seats, candidate: Candidate, *, machine_id: MachineId, now: Instant
) -> SeatClaim:
    """Judge a claim for a seat; the caller stores the result in the same transaction.

    One rule serves validation and activation, so that both agree. A refusal changes nothing.
    """
    if seats.own is not None:
        needs_lock = license.max_machines == SINGLE_SEAT and license.fingerprint is None
        kept = license.bind(candidate.fingerprint) if needs_lock else license
        return SeatKept(machine=seats.own, license=kept)
    if license.max_machines == SINGLE_SEAT:
        if seats.active_count and license.fingerprint == candidate.fingerprint:
            return SeatKept(machine=None, license=license)
        if seats.active_count:
            return SeatRefused(is_locked=True)
    elif license.max_machines != UNLIMITED and seats.active_count >= license.max_machines:
        return SeatRefused(is_locked=False)
    machine = Machine(
        id=machine_id,
        license_id=license.id,
        fingerprint=candidate.fingerprint,
        fingerprint_hash=candidate.hash,
        hostname=candidate.hostname,
        platform=candidate.platform,
        ip_last_seen=candidate.ip,
        activated_at=now,
        last_heartbeat_at=now,
    )
    # A lock whose machine is gone is stale (public-api 10.1), so it is replaced.
    locked = license.bind(candidate.fingerprint) if license.max_machines == SINGLE_SEAT else license
    return SeatTaken(machine=machine, license=locked)


def must_be_saved(seat: SeatKept | SeatTaken, license: License) -> bool:
    """Tell whether a claim on this license changes more than when the machine was last seen."""
    return isinstance(seat, SeatTaken) or seat.license is not license


def release(
    license: License, machine: Machine, *, reason: str, now: Instant
) -> tuple[License, Machine]:
    """Free a seat, and the lock if this machine held it; the same for clients and operators."""
    freed = msgspec.structs.replace(machine, deactivated_at=now, deactivation_reason=reason)
    holds_lock = license.fingerprint == machine.fingerprint
    return (license.bind(None) if holds_lock else license), freed
