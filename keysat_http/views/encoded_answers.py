"""Answers to validations as bytes; those to known machines are remembered."""

from typing import Final

import msgspec

from keysat_core.domain.license import License
from keysat_core.domain.machine import Machine
from keysat_core.domain.validation import Valid
from keysat_core.use_cases.licenses.validate_license import Validation
from keysat_http.views.validation import validation_view

ANSWERS_MAX: Final = 16_384
"""Answers remembered, about 1 kB each: as many as facts of licenses."""

_encode: Final = msgspec.json.Encoder().encode


class _Known(msgspec.Struct, frozen=True, gc=False):
    """An answer and the very values it was made of: held here, they are like no others."""

    license: License
    machine: Machine | None
    is_in_grace: bool
    active_machines: int | None
    body: bytes


class EncodedAnswers:
    """Encodes validations, for one thread.

    What a license answers changes only with its row, its machine's row, how many machines are
    active and whether it is in grace. Rows that did not change are the same objects, because they
    are kept too, with their slugs; so a look at their identity tells.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def encoded(self, validation: Validation) -> bytes:
        """Spell the answer as JSON."""
        verdict = validation.verdict
        if not isinstance(verdict, Valid):
            return _encode(validation_view(validation))
        license = verdict.license
        machine = None if verdict.claim is None else verdict.claim.machine
        live = validation.active_machines
        known = self._known.get(id(license))
        if (
            known is not None
            and known.license is license
            and known.machine is machine
            and known.is_in_grace is verdict.is_in_grace
            and known.active_machines == live
        ):
            return known.body
        body = _encode(validation_view(validation))
        if len(self._known) >= ANSWERS_MAX:
            self._known.clear()
        self._known[id(license)] = _Known(license, machine, verdict.is_in_grace, live, body)
        return body
