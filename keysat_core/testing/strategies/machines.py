"""Machines, their claims for a seat, and the answers to them."""

from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.domain.license import License
from keysat_core.domain.machine import (
    Candidate,
    Machine,
    SeatClaim,
    SeatKept,
    SeatRefused,
    Seats,
    SeatTaken,
)
from keysat_core.limits import SEATS_MAX
from keysat_core.signing import fingerprint_hash
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.licenses import licenses
from keysat_core.testing.strategies.text import addresses, names, texts


@cache
def fingerprints() -> SearchStrategy[str]:
    """Text by which software names its machine."""
    return names()


@st.composite
def machines(draw: st.DrawFn, /, **fixed: Any) -> Machine:
    """Machines, live and deactivated; the hash is that of the fingerprint."""
    fingerprint: str = fixed.get("fingerprint", draw(fingerprints()))
    return draw(
        built(
            Machine,
            fixed,
            id=ids().map(MachineId),
            license_id=ids().map(LicenseId),
            fingerprint=st.just(fingerprint),
            fingerprint_hash=st.just(fingerprint_hash(fingerprint).hex()),
            hostname=st.none() | texts(),
            platform=st.none() | texts(),
            ip_last_seen=st.none() | addresses(),
            activated_at=instants(),
            last_heartbeat_at=instants(),
            deactivated_at=st.none() | instants(),
            deactivation_reason=st.none() | texts(),
        )
    )


def heartbeats(**fixed: Any) -> SearchStrategy[Heartbeat]:
    """Words from machines that they are in use."""
    return built(
        Heartbeat,
        fixed,
        machine_id=ids().map(MachineId),
        seen_at=instants(),
        ip=st.none() | addresses(),
    )


def candidates(**fixed: Any) -> SearchStrategy[Candidate]:
    """Machines that ask for a seat."""
    return built(
        Candidate,
        fixed,
        fingerprint=fingerprints(),
        hostname=st.none() | texts(),
        platform=st.none() | texts(),
        ip=st.none() | addresses(),
    )


@st.composite
def seats(
    draw: st.DrawFn, /, license_id: LicenseId | None = None, candidate: Candidate | None = None
) -> Seats:
    """What is known of a license's seats; the asking machine's own is live and is counted."""
    license_id = license_id or draw(ids().map(LicenseId))
    fingerprint = candidate.fingerprint if candidate else draw(fingerprints())
    live = machines(
        license_id=license_id,
        fingerprint=fingerprint,
        deactivated_at=None,
        deactivation_reason=None,
    )
    own = draw(st.none() | live)
    return Seats(own=own, active_count=draw(st.integers(int(own is not None), SEATS_MAX)))


@st.composite
def seats_kept(draw: st.DrawFn, /, license: License | None = None) -> SeatKept:
    """A machine that has its seat; without one, the lock alone vouches."""
    license = license or draw(licenses())
    live = machines(license_id=license.id, deactivated_at=None, deactivation_reason=None)
    return SeatKept(machine=draw(st.none() | live), license=license)


@st.composite
def seats_taken(draw: st.DrawFn, /, license: License | None = None) -> SeatTaken:
    """A machine that has just been seated; the only seat of a license carries its lock."""
    license = license or draw(licenses())
    live = machines(license_id=license.id, deactivated_at=None, deactivation_reason=None)
    machine = draw(live)
    if license.max_machines == 1:
        license = msgspec.structs.replace(license, fingerprint=machine.fingerprint)
    return SeatTaken(machine=machine, license=license)


def seats_refused(**fixed: Any) -> SearchStrategy[SeatRefused]:
    """No seat."""
    return built(SeatRefused, fixed, is_locked=st.booleans())


def seat_claims() -> SearchStrategy[SeatClaim]:
    """Every answer to a claim."""
    return st.one_of(seats_kept(), seats_taken(), seats_refused())
