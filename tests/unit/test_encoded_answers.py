"""Remembered answers are those of today's rows, whatever was remembered before."""

from itertools import product
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.license import License
from keysat_core.domain.machine import SeatKept
from keysat_core.domain.validation import Reason, Refused, Valid
from keysat_core.use_cases.licenses.validate_license import Validation
from keysat_http.views.encoded_answers import EncodedAnswers
from keysat_http.views.validation import validation_view
from tests.support.builders import NOW, make_license, make_machine


def answer(license: License, **changes: Any) -> Validation:
    given: dict[str, Any] = {"machine": None, "is_in_grace": False, "live": None} | changes
    claim = SeatKept(machine=given["machine"], license=license) if given["machine"] else None
    verdict = Valid(license=license, is_in_grace=given["is_in_grace"], claim=claim)
    return Validation(verdict=verdict, product_slug="app", active_machines=given["live"])


LICENSES = [make_license(max_machines=0, expires_at=NOW, grace_seconds=9) for _ in range(3)]
MACHINES = [None, *(make_machine(LICENSES[0]) for _ in range(2))]
ANSWERS = [
    answer(license, machine=machine, is_in_grace=is_in_grace, live=live)
    for license, machine, is_in_grace, live in product(LICENSES, MACHINES, [False, True], [1, 2])
] + [
    Validation(verdict=Refused(reason=Reason.EXPIRED, license=LICENSES[0])),
    Validation(verdict=Refused(reason=Reason.NOT_FOUND)),
]


@given(st.lists(st.sampled_from(ANSWERS)))
def test_an_answer_is_what_it_would_be_if_nothing_were_remembered(asked: list[Validation]) -> None:
    answers = EncodedAnswers()
    for validation in asked:
        assert answers.encoded(validation) == msgspec.json.encode(validation_view(validation))


def test_the_same_rows_are_encoded_once() -> None:
    answers = EncodedAnswers()
    first = answers.encoded(ANSWERS[0])
    assert answers.encoded(ANSWERS[0]) is first
    copied = msgspec.structs.replace(ANSWERS[0].verdict.license or LICENSES[0])
    assert answers.encoded(answer(copied, live=1)) is not first
