"""Answer the sold software: may this key be used?"""

import msgspec

from keysat_core.domain.activity import ValidationEntry
from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import machine_activated, outbox_event
from keysat_core.domain.ids import EventId, LicenseId, MachineId
from keysat_core.domain.instant import Instant, rfc3339_or_none
from keysat_core.domain.machine import Candidate, SeatKept, Seats, SeatTaken
from keysat_core.domain.validation import (
    Facts,
    Question,
    Reason,
    Refused,
    Valid,
    Verdict,
    decide,
)
from keysat_core.errors import BadKeyFormat, BadKeySignature
from keysat_core.limits import HEARTBEAT_SECONDS
from keysat_core.ports.activity import ValidationLog
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction
from keysat_core.signing.license_key import LicensePayload


class ValidateLicense(msgspec.Struct, frozen=True, kw_only=True):
    """What the software sends. ``candidate`` None: it names no machine."""

    key: str
    product_slug: str | None = None
    candidate: Candidate | None = None


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and what the answer shows beside it. Slugs are None where the row is gone."""

    verdict: Verdict
    product_slug: str | None = None
    policy_slug: str | None = None
    active_machines: int | None = None


def validate_license(
    actor: Actor,
    command: ValidateLicense,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
    validations: ValidationLog,
) -> Validation:
    """Judge a key and seat the machine that asks; every outcome is noted in the validation log.

    The judgment is made on a snapshot; only a seat that must be written is judged again inside a
    write transaction. Never raises for a bad key: that is a verdict (public-api 9).
    """
    now = clock.now()
    detail = None
    try:
        payload = keys.verifier().verify(command.key).payload
    except (BadKeyFormat, BadKeySignature) as bad:
        outcome = Validation(verdict=Refused(reason=Reason(bad.code)))
        detail = str(bad)
    else:
        outcome = _judge(actor, command, payload, store=store, ids=ids, now=now)
    validations.note(_entry(actor, command, outcome, detail=detail, now=now))
    return outcome


def _judge(
    actor: Actor,
    command: ValidateLicense,
    payload: LicensePayload,
    *,
    store: Store,
    ids: Ids,
    now: Instant,
) -> Validation:
    question = Question(
        payload=payload, product_slug=command.product_slug, candidate=command.candidate
    )
    with store.reading() as tx:
        facts = _facts(tx, question)
    verdict = decide(facts, question, machine_id=MachineId(""), now=now)
    if isinstance(verdict, Valid) and _must_be_written(verdict, facts):
        machine_id = MachineId(ids.new())
        with store.writing() as tx:
            facts = _facts(tx, question)
            verdict = decide(facts, question, machine_id=machine_id, now=now)
            _save_seat(tx, actor, verdict, ids=ids, now=now)
    return _validation(verdict, facts)


def _facts(tx: Transaction, question: Question) -> Facts | None:
    license = tx.licenses.find_license(LicenseId(question.payload.license_id))
    if license is None:
        return None
    product = tx.products.find_product(license.product_id)
    policy = tx.policies.find_policy(license.policy_id) if license.policy_id else None
    seats = None
    if question.candidate is not None:
        seats = Seats(
            own=tx.machines.find_live_machine(license.id, question.candidate.hash),
            active_count=tx.machines.count_live_machines(license.id),
        )
    return Facts(
        license=license,
        product_slug=product.slug if product else None,
        policy_slug=policy.slug if policy else None,
        seats=seats,
    )


def _must_be_written(verdict: Valid, facts: Facts | None) -> bool:
    """A new seat, a new lock, or a machine not seen for a while."""
    own = facts.seats.own if facts and facts.seats else None
    match verdict.claim:
        case SeatTaken():
            return True
        case SeatKept(machine=machine, license=license) if machine is not None and own is not None:
            is_stale = machine.last_heartbeat_at - own.last_heartbeat_at >= HEARTBEAT_SECONDS
            return is_stale or license != verdict.license
        case _:
            return False


def _save_seat(tx: Transaction, actor: Actor, verdict: Verdict, *, ids: Ids, now: Instant) -> None:
    if not isinstance(verdict, Valid) or verdict.claim is None or verdict.claim.machine is None:
        return
    machine = verdict.claim.machine
    if verdict.claim.license != verdict.license:
        tx.licenses.put_license(verdict.claim.license)
    tx.machines.put_machine(machine)
    if isinstance(verdict.claim, SeatTaken):
        tx.trail.append_audit(
            audited(
                actor,
                "machine.activate",
                now,
                target=("machine", machine.id),
                license_id=machine.license_id,
            )
        )
        event = machine_activated(machine)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def _validation(verdict: Verdict, facts: Facts | None) -> Validation:
    if facts is None:
        return Validation(verdict=verdict)
    live = None
    if facts.seats is not None:
        is_new = isinstance(verdict, Valid) and isinstance(verdict.claim, SeatTaken)
        live = facts.seats.active_count + is_new
    return Validation(
        verdict=verdict,
        product_slug=facts.product_slug,
        policy_slug=facts.policy_slug,
        active_machines=live,
    )


def _entry(
    actor: Actor,
    command: ValidateLicense,
    outcome: Validation,
    *,
    detail: str | None,
    now: Instant,
) -> ValidationEntry:
    verdict = outcome.verdict
    license = verdict.license
    machine = verdict.claim.machine if isinstance(verdict, Valid) and verdict.claim else None
    return ValidationEntry(
        result="ok" if isinstance(verdict, Valid) else verdict.reason,
        license_id=license.id if license else None,
        product_id=license.product_id if license else None,
        machine_id=machine.id if machine else None,
        fingerprint_hash=command.candidate.hash if command.candidate else None,
        client_ip=actor.request_ip,
        user_agent=actor.user_agent,
        detail=detail or _detail(verdict),
        occurred_at=now,
    )


def _detail(verdict: Verdict) -> str | None:
    """What an operator would ask next (public-api 9.4)."""
    if isinstance(verdict, Valid):
        return "in_grace_period" if verdict.is_in_grace else None
    license = verdict.license
    if license is None:
        return None
    details = {
        Reason.REVOKED: license.revocation_reason,
        Reason.SUSPENDED: license.suspension_reason,
        Reason.EXPIRED: rfc3339_or_none(license.expires_at),
        Reason.TOO_MANY_MACHINES: f"max_machines {license.max_machines}",
        Reason.FINGERPRINT_MISMATCH: f"max_machines {license.max_machines}",
    }
    return details.get(verdict.reason)
