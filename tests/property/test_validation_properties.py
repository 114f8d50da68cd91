"""The validation decision: total, and in the order of its checks (lifecycles 2.3, public-api 9)."""

from enum import StrEnum
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.ids import MachineId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import (
    License,
    LicenseStatus,
    Standing,
    payload_of,
    standing,
)
from keysat_core.domain.machine import Candidate, SeatKept, Seats, SeatTaken
from keysat_core.domain.validation import Facts, Question, Reason, Refused, Valid, decide
from keysat_core.limits import INSTANT_MAX
from keysat_core.signing import LicensePayload, fingerprint_hash
from keysat_core.signing.license_key import FLAG_FINGERPRINT_BOUND
from tests.support.builders import make_license, make_machine

NEW: Final = MachineId("new")
NOW: Final = Instant(1_800_000_000)
FINGERPRINTS: Final = ("this machine", "another", "a third")


class Flaw(StrEnum):
    """Everything that can be wrong with a license that exists, in the order of the checks."""

    REVOKED = "revoked"
    SUSPENDED = "suspended"
    OTHER_PRODUCT = "product_mismatch"
    EXPIRED = "expired"
    BOUND_ELSEWHERE = "fingerprint_mismatch"
    NO_SEAT = "too_many_machines"


def case_of(flaws: frozenset[Flaw], *, is_single_seat: bool) -> tuple[Facts, Question]:
    """A license with exactly these flaws, and a question that runs into all of them."""
    status = LicenseStatus.ACTIVE
    if Flaw.SUSPENDED in flaws:
        status = LicenseStatus.SUSPENDED
    if Flaw.REVOKED in flaws:
        status = LicenseStatus.REVOKED
    license = make_license(
        status=status,
        expires_at=Instant(NOW - 10) if Flaw.EXPIRED in flaws else None,
        max_machines=1 if is_single_seat else 2,
        fingerprint="another" if is_single_seat and Flaw.NO_SEAT in flaws else None,
    )
    payload = payload_of(license)
    if Flaw.BOUND_ELSEWHERE in flaws:
        payload = msgspec.structs.replace(
            payload, flags=FLAG_FINGERPRINT_BOUND, fingerprint_hash=fingerprint_hash("elsewhere")
        )
    seats = Seats(own=None, active_count=license.max_machines if Flaw.NO_SEAT in flaws else 0)
    facts = Facts(license=license, product_slug="app", policy_slug=None, seats=seats)
    asked = "other" if Flaw.OTHER_PRODUCT in flaws else "app"
    candidate = Candidate(fingerprint="this machine")
    return facts, Question(payload=payload, product_slug=asked, candidate=candidate)


@given(flaws=st.frozensets(st.sampled_from(Flaw)), is_single_seat=st.booleans())
def test_the_first_failed_check_gives_the_reason(
    *, flaws: frozenset[Flaw], is_single_seat: bool
) -> None:
    facts, question = case_of(flaws, is_single_seat=is_single_seat)
    verdict = decide(facts, question, machine_id=NEW, now=NOW)
    if not flaws:
        assert isinstance(verdict, Valid)
        assert isinstance(verdict.claim, SeatTaken)
        return
    first = min(flaws, key=list(Flaw).index)
    expected = Reason(first)
    if first is Flaw.NO_SEAT and is_single_seat:
        expected = Reason.FINGERPRINT_MISMATCH
    assert verdict == Refused(reason=expected, license=facts.license)


def test_an_expired_suspended_license_reports_suspended() -> None:
    facts, question = case_of(frozenset({Flaw.EXPIRED, Flaw.SUSPENDED}), is_single_seat=False)
    verdict = decide(facts, question, machine_id=NEW, now=NOW)
    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.SUSPENDED


def test_an_expired_license_of_another_product_reports_the_product() -> None:
    facts, question = case_of(frozenset({Flaw.EXPIRED, Flaw.OTHER_PRODUCT}), is_single_seat=False)
    verdict = decide(facts, question, machine_id=NEW, now=NOW)
    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.PRODUCT_MISMATCH


@pytest.mark.parametrize("asked", ["", "app ", "APP"])
def test_a_product_slug_is_compared_as_it_is(asked: str) -> None:
    facts, question = case_of(frozenset(), is_single_seat=False)
    question = msgspec.structs.replace(question, product_slug=asked)
    verdict = decide(facts, question, machine_id=NEW, now=NOW)
    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.PRODUCT_MISMATCH


@pytest.mark.parametrize("slugs", [(None, "app"), ("app", None), (None, None)])
def test_a_product_that_is_not_asked_for_or_is_gone_is_not_checked(
    slugs: tuple[str | None, str | None],
) -> None:
    facts, question = case_of(frozenset(), is_single_seat=False)
    facts = msgspec.structs.replace(facts, product_slug=slugs[0])
    question = msgspec.structs.replace(question, product_slug=slugs[1])
    assert isinstance(decide(facts, question, machine_id=NEW, now=NOW), Valid)


licenses = st.builds(
    make_license,
    status=st.sampled_from(LicenseStatus),
    expires_at=st.none() | st.integers(1, INSTANT_MAX).map(Instant),
    grace_seconds=st.integers(0, 1_000),
    max_machines=st.integers(0, 3),
    fingerprint=st.none() | st.sampled_from(FINGERPRINTS),
)
candidates = st.builds(Candidate, fingerprint=st.sampled_from(FINGERPRINTS))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Facts | None, Question, Instant]:
    license = draw(licenses)
    candidate = draw(st.none() | candidates)
    own = None
    if candidate is not None and draw(st.booleans()):
        own = make_machine(license, fingerprint=candidate.fingerprint)
    seats = Seats(own=own, active_count=draw(st.integers(1 if own else 0, 4)))
    facts = Facts(
        license=license,
        product_slug=draw(st.none() | st.sampled_from(["app", ""])),
        policy_slug=None,
        seats=draw(st.just(seats) | st.none()),
    )
    payload = LicensePayload(
        version=draw(st.sampled_from([1, 2])),
        flags=draw(st.integers(0, 255)),
        product_id=license.product_id,
        license_id=license.id,
        issued_at=draw(st.integers(-(2**63), 2**63 - 1)),
        expires_at=0,
        fingerprint_hash=draw(
            st.binary(min_size=32, max_size=32)
            | st.sampled_from(FINGERPRINTS).map(fingerprint_hash)
        ),
        entitlements=(),
    )
    question = Question(
        payload=payload,
        product_slug=draw(st.none() | st.sampled_from(["app", "", "\udc80"])),
        candidate=candidate,
    )
    now = Instant(draw(st.integers(-(2**70), 2**70)))
    return draw(st.none() | st.just(facts)), question, now


@given(cases())
def test_every_question_gets_a_verdict_and_never_an_exception(
    case: tuple[Facts | None, Question, Instant],
) -> None:
    facts, question, now = case
    verdict = decide(facts, question, machine_id=NEW, now=now)
    if facts is None:
        assert verdict == Refused(reason=Reason.NOT_FOUND)
        return
    assert verdict.license == facts.license
    if isinstance(verdict, Refused):
        assert verdict.reason not in {
            Reason.RATE_LIMITED,
            Reason.BAD_FORMAT,
            Reason.BAD_SIGNATURE,
            Reason.NOT_FOUND,
        }
        return
    assert verdict.is_in_grace is (standing(facts.license, now) is Standing.GRACE)
    assert (verdict.claim is None) is (question.candidate is None or facts.seats is None)


@given(cases())
def test_without_a_fingerprint_no_seat_decides_anything(
    case: tuple[Facts | None, Question, Instant],
) -> None:
    facts, question, now = case
    if facts is None:
        return
    unnamed = msgspec.structs.replace(question, candidate=None)
    verdict = decide(facts, unnamed, machine_id=NEW, now=now)
    if isinstance(verdict, Valid):
        assert verdict.claim is None
    else:
        assert verdict.reason not in {Reason.FINGERPRINT_MISMATCH, Reason.TOO_MANY_MACHINES}


@given(cases())
def test_asking_twice_at_the_same_instant_gives_the_same_verdict(
    case: tuple[Facts | None, Question, Instant],
) -> None:
    facts, question, now = case
    first = decide(facts, question, machine_id=NEW, now=now)
    assert decide(facts, question, machine_id=NEW, now=now) == first


@given(licenses)
def test_a_key_bound_to_this_machine_is_let_through_to_its_seat(license: License) -> None:
    active = msgspec.structs.replace(license, status=LicenseStatus.ACTIVE, expires_at=None)
    payload = msgspec.structs.replace(
        payload_of(active),
        flags=FLAG_FINGERPRINT_BOUND,
        fingerprint_hash=fingerprint_hash("this machine"),
    )
    own = make_machine(active, fingerprint="this machine")
    facts = Facts(
        license=active,
        product_slug=None,
        policy_slug=None,
        seats=Seats(own=own, active_count=1),
    )
    question = Question(payload=payload, candidate=Candidate(fingerprint="this machine"))
    verdict = decide(facts, question, machine_id=NEW, now=NOW)
    assert isinstance(verdict, Valid)
    assert isinstance(verdict.claim, SeatKept)
