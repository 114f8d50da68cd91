"""The sold software on its machines: it validates, takes seats, shows signs of life, gives seats up."""

from random import Random
from typing import Final

import msgspec

from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.machine import Candidate
from keysat_core.domain.validation import Reason, Valid
from keysat_core.errors import NotFound
from keysat_core.signing.license_key import LicensePayload
from keysat_core.use_cases.licenses.validate_license import ValidateLicense, validate_license
from keysat_core.use_cases.machines.activate_machine import ActivateMachine, activate_machine
from keysat_core.use_cases.machines.deactivate_machine import (
    DeactivateMachine,
    deactivate_machine,
)
from keysat_core.use_cases.machines.heartbeat_machine import HeartbeatMachine, heartbeat_machine
from tests.support.simulation.market import Market
from tests.support.simulation.violation import Violation
from tests.support.trade import BUYER, payload_in

MACHINES: Final = ("desk", "lap", "rack", "shed", "van")
ALWAYS: Final = frozenset(
    {
        Reason.EXPIRED,
        Reason.TOO_MANY_MACHINES,
        Reason.FINGERPRINT_MISMATCH,
        Reason.PRODUCT_MISMATCH,
    }
)
"""Reasons that no status explains; the others must agree with the status."""


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """When a question was asked: before this step's turn was over, and at this true time."""

    step: int
    at: int


def run_software(market: Market, rng: Random) -> None:
    """Do one of the things sold software does, on one of the machines."""
    if not market.keys:
        return
    key = rng.choice(market.keys[-4:])
    candidate = Candidate(fingerprint=rng.choice(MACHINES))
    match rng.randrange(6):
        case 0 | 1 | 2:
            _validate(market, rng, key, None if rng.random() < 0.2 else candidate)
        case 3:
            _activate(market, rng, payload_in(key), candidate)
        case 4:
            heartbeat = HeartbeatMachine(payload=payload_in(key), candidate=candidate)
            market.server(rng).call(
                "heartbeat",
                lambda ports: heartbeat_machine(
                    BUYER,
                    heartbeat,
                    facts=ports.facts,
                    heartbeats=ports.heartbeats,
                    clock=ports.clock,
                ),
            )
        case _:
            leaving = DeactivateMachine(payload=payload_in(key), candidate=candidate)
            market.server(rng).call(
                "deactivate",
                lambda ports: deactivate_machine(
                    BUYER, leaving, store=ports.store, clock=ports.clock, ids=ports.ids
                ),
            )


def _validate(market: Market, rng: Random, key: str, candidate: Candidate | None) -> None:
    asked = _Asked(step=market.stage.step_number, at=market.stage.now)
    command = ValidateLicense(key=key, candidate=candidate)
    answer = market.server(rng).call(
        "validate",
        lambda ports: validate_license(
            BUYER,
            command,
            store=ports.store,
            facts=ports.facts,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
            heartbeats=ports.heartbeats,
            validations=ports.validations,
        ),
    )
    reason = None if isinstance(answer.verdict, Valid) else answer.verdict.reason
    _check(market, payload_in(key), reason, asked)


def _activate(market: Market, rng: Random, payload: LicensePayload, candidate: Candidate) -> None:
    asked = _Asked(step=market.stage.step_number, at=market.stage.now)
    command = ActivateMachine(payload=payload, candidate=candidate)
    try:
        answer = market.server(rng).call(
            "activate",
            lambda ports: activate_machine(
                BUYER,
                command,
                store=ports.store,
                facts=ports.facts,
                heartbeats=ports.heartbeats,
                clock=ports.clock,
                ids=ports.ids,
            ),
        )
    except NotFound as problem:
        raise Violation(f"a license was lost: {problem}") from problem
    _check(market, payload, answer.reason, asked)


def _check(market: Market, payload: LicensePayload, reason: str | None, asked: _Asked) -> None:
    """The answer must fit what the license was at some moment while it was asked."""
    stage, license_id = market.stage, payload.license_id
    stage.note(f"answer: {reason or 'valid'}")
    if reason not in ALWAYS:
        seen = market.book.statuses_since(license_id, asked.step)
        wanted = str(LicenseStatus.ACTIVE) if reason is None else reason
        if wanted not in seen:
            raise Violation(f"license {license_id} is {reason or 'valid'}, and was {sorted(seen)}")
    cutoffs = market.book.cutoffs_since(license_id, asked.step)
    if stage.clock_wrong_at >= asked.at:
        return
    may_be_valid = any(end is None or asked.at < end for end in cutoffs)
    may_be_expired = any(end is not None and stage.now >= end for end in cutoffs)
    if reason is None and not may_be_valid:
        raise Violation(f"license {license_id} is valid, and expired at {cutoffs}")
    if reason == Reason.EXPIRED and not may_be_expired:
        raise Violation(f"license {license_id} is expired, and ends at {cutoffs}")
