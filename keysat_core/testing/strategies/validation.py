"""Validations: what is known, what is asked, and the verdict."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.license import License, LicenseStatus, payload_of
from keysat_core.domain.machine import Candidate
from keysat_core.domain.validation import Facts, Question, Reason, Refused, Valid, Verdict
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.keys import license_payloads
from keysat_core.testing.strategies.licenses import licenses
from keysat_core.testing.strategies.machines import candidates, seats, seats_kept, seats_taken
from keysat_core.testing.strategies.text import slugs


def questions(**fixed: Any) -> SearchStrategy[Question]:
    """What software may ask about any key; to ask about one license, fix ``payload``."""
    return built(
        Question,
        fixed,
        payload=license_payloads(),
        product_slug=st.none() | st.just("") | slugs(),
        candidate=st.none() | candidates(),
    )


@st.composite
def facts(
    draw: st.DrawFn, /, license: License | None = None, candidate: Candidate | None = None
) -> Facts:
    """What the store may know of a license, and of its seats if a machine asks."""
    license = license or draw(licenses())
    counted = seats(license_id=license.id, candidate=candidate)
    return Facts(
        license=license,
        product_slug=draw(st.none() | slugs()),
        policy_slug=draw(st.none() | slugs()),
        seats=draw(counted if candidate else st.none() | counted),
    )


@st.composite
def facts_and_questions(draw: st.DrawFn, /) -> tuple[Facts, Question]:
    """A license and a question about it, as ``decide`` takes them."""
    license = draw(licenses())
    candidate = draw(st.none() | candidates())
    known = draw(facts(license, candidate))
    asked = draw(st.sampled_from([None, known.product_slug]) | slugs())
    question = Question(payload=payload_of(license), product_slug=asked, candidate=candidate)
    return known, question


@st.composite
def valid_verdicts(draw: st.DrawFn, /) -> Valid:
    """Verdicts that let a license be used: it is active, and the claim is its own."""
    license = draw(licenses(status=LicenseStatus.ACTIVE))
    claims = st.none() | seats_kept(license) | seats_taken(license)
    return Valid(license=license, is_in_grace=draw(st.booleans()), claim=draw(claims))


@st.composite
def refused_verdicts(draw: st.DrawFn, /) -> Refused:
    """Verdicts that refuse, for every reason; a key that was not read names no license."""
    reason = draw(st.sampled_from(Reason))
    unread = {Reason.RATE_LIMITED, Reason.BAD_FORMAT, Reason.BAD_SIGNATURE, Reason.NOT_FOUND}
    return Refused(reason=reason, license=None if reason in unread else draw(licenses()))


def verdicts() -> SearchStrategy[Verdict]:
    """Every answer to a validation."""
    return st.one_of(valid_verdicts(), refused_verdicts())
