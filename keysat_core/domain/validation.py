"""The validation decision: one total pure function from facts to a verdict (public-api 9)."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from keysat_core.domain.ids import MachineId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License, Standing, standing
from keysat_core.domain.machine import (
    Candidate,
    SeatClaim,
    SeatKept,
    SeatRefused,
    Seats,
    SeatTaken,
    claim,
    is_bound_elsewhere,
)
from keysat_core.signing.license_key import LicensePayload


class Reason(StrEnum):
    """Why a license does not validate; a closed list (public-api 9.1)."""

    RATE_LIMITED = "rate_limited"
    BAD_FORMAT = "bad_format"
    BAD_SIGNATURE = "bad_signature"
    NOT_FOUND = "not_found"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    PRODUCT_MISMATCH = "product_mismatch"
    EXPIRED = "expired"
    FINGERPRINT_MISMATCH = "fingerprint_mismatch"
    TOO_MANY_MACHINES = "too_many_machines"


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the store knows of the license a key names. ``product_slug`` None: the product is gone."""

    license: License
    product_slug: str | None
    policy_slug: str | None
    seats: Seats | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What the software asks. ``product_slug`` "" is a value and matches nothing (public-api 18)."""

    payload: LicensePayload
    product_slug: str | None = None
    candidate: Candidate | None = None


class Valid(msgspec.Struct, frozen=True, kw_only=True, tag="valid"):
    """The license may be used. ``claim`` None: no fingerprint was sent, so no seat is involved."""

    license: License
    is_in_grace: bool
    claim: SeatKept | SeatTaken | None


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """The license may not be used. ``license`` None: the key names none that we know."""

    reason: Reason
    license: License | None = None


Verdict: TypeAlias = Valid | Refused


def decide(
    facts: Facts | None, question: Question, *, machine_id: MachineId, now: Instant
) -> Verdict:
    """Judge a key whose signature already holds; the first failed check gives the reason.

    Order (public-api 9.1 with 8 before 7, D23): row, status, product, expiry, binding of the key
    itself, seat. ``machine_id`` names the machine if the verdict seats a new one. Never raises.
    """
    if facts is None:
        return Refused(reason=Reason.NOT_FOUND)
    license = facts.license
    state = standing(license, now)
    reason = _refusal_by_row(facts, question, state)
    if reason is not None:
        return Refused(reason=reason, license=license)
    seat: SeatClaim | None = None
    if question.candidate is not None and facts.seats is not None:
        if is_bound_elsewhere(question.payload, question.candidate):
            return Refused(reason=Reason.FINGERPRINT_MISMATCH, license=license)
        seat = claim(license, facts.seats, question.candidate, machine_id=machine_id, now=now)
    if isinstance(seat, SeatRefused):
        locked = Reason.FINGERPRINT_MISMATCH if seat.is_locked else Reason.TOO_MANY_MACHINES
        return Refused(reason=locked, license=license)
    return Valid(license=license, is_in_grace=state is Standing.GRACE, claim=seat)


def _refusal_by_row(facts: Facts, question: Question, state: Standing) -> Reason | None:
    if state is Standing.REVOKED:
        return Reason.REVOKED
    if state is Standing.SUSPENDED:
        return Reason.SUSPENDED
    asked = question.product_slug
    if asked is not None and facts.product_slug is not None and asked != facts.product_slug:
        return Reason.PRODUCT_MISMATCH
    return Reason.EXPIRED if state is Standing.EXPIRED else None
