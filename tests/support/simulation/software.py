"""The sold software on its machines: it validates, takes seats, shows signs of life, gives seats up."""

from random import Random
from typing import Final

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
                    BUYER, heartbeat, store=ports.store, clock=ports.clock
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
    asked_at = market.stage.step_number
    command = ValidateLicense(key=key, candidate=candidate)
    answer = market.server(rng).call(
        "validate",
        lambda ports: validate_license(
            BUYER,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
            validations=ports.validations,
        ),
    )
    reason = None if isinstance(answer.verdict, Valid) else answer.verdict.reason
    _check(market, payload_in(key), reason, asked_at)


def _activate(market: Market, rng: Random, payload: LicensePayload, candidate: Candidate) -> None:
    asked_at = market.stage.step_number
    command = ActivateMachine(payload=payload, candidate=candidate)
    try:
        answer = market.server(rng).call(
            "activate",
            lambda ports: activate_machine(
                BUYER, command, store=ports.store, clock=ports.clock, ids=ports.ids
            ),
        )
    except NotFound as problem:
        raise Violation(f"a license was lost: {problem}") from problem
    _check(market, payload, answer.reason, asked_at)


def _check(market: Market, payload: LicensePayload, reason: str | None, asked_at: int) -> None:
    """The answer must fit a status the license had while it was asked."""
    market.stage.note(f"answer: {reason or 'valid'}")
    if reason in ALWAYS:
        return
    seen = market.book.statuses_since(payload.license_id, asked_at)
    wanted = str(LicenseStatus.ACTIVE) if reason is None else reason
    if wanted not in seen:
        raise Violation(f"license {payload.license_id} is {reason or 'valid'}, and was {seen}")
