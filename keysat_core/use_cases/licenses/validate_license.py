"""Answer the sold software: may this key be used?"""

import msgspec

from keysat_core.domain.activity import ValidationEntry
from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import machine_activated, outbox_event
from keysat_core.domain.ids import EventId, LicenseId, MachineId
from keysat_core.domain.instant import Instant, rfc3339_or_none
from keysat_core.domain.machine import Candidate, SeatTaken, must_be_saved
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
from keysat_core.ports.activity import Heartbeats, ValidationLog
from keysat_core.ports.clock import Clock
from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction


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


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked with a key that is none of this issuer; ``detail`` says what is wrong with it."""

    reason: Reason
    detail: str
    candidate: Candidate | None


def validate_license(
    actor: Actor,
    command: ValidateLicense,
    *,
    store: Store,
    facts: ValidationFacts,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
    heartbeats: Heartbeats,
    validations: ValidationLog,
) -> Validation:
    """Judge a key and seat the machine that asks; every outcome is noted in the validation log.

    The judgment is made on committed facts; only a seat that must be written is judged again inside
    a write transaction. Never raises for a bad key: that is a verdict (public-api 9).

    A server that answers many at once takes each of the three steps for all of them before the
    next, because what a step needs then stays in the processor's caches.
    """
    asked = read_question(command, keys)
    return judge_question(
        actor,
        asked,
        find_facts(asked, facts),
        store=store,
        clock=clock,
        ids=ids,
        heartbeats=heartbeats,
        validations=validations,
    )


def read_question(command: ValidateLicense, keys: KeyRing) -> Question | Unreadable:
    """Take the first step: verify the key.

    Raises:
        SigningKeyUnusable.
    """
    try:
        payload = keys.payload_of(command.key)
    except (BadKeyFormat, BadKeySignature) as bad:
        return Unreadable(reason=Reason(bad.code), detail=str(bad), candidate=command.candidate)
    return Question(payload=payload, product_slug=command.product_slug, candidate=command.candidate)


def find_facts(asked: Question | Unreadable, facts: ValidationFacts) -> Facts | None:
    """Take the second step: look up the license. None: there is no such license.

    Raises:
        StoreBusy, StoreUnavailable, CorruptRow.
    """
    if isinstance(asked, Unreadable):
        return None
    candidate = asked.candidate
    license_id = LicenseId(asked.payload.license_id)
    return facts.find_facts(license_id, candidate.hash if candidate else None)


def judge_question(
    actor: Actor,
    asked: Question | Unreadable,
    known: Facts | None,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    heartbeats: Heartbeats,
    validations: ValidationLog,
) -> Validation:
    """Take the last step: judge, seat the machine that asks and note the outcome.

    Raises:
        StoreBusy, StoreUnavailable, CorruptRow: only where a seat must be written.
    """
    now = clock.now()
    if isinstance(asked, Unreadable):
        outcome = Validation(verdict=Refused(reason=asked.reason))
    else:
        verdict = decide(known, asked, machine_id=MachineId(""), now=now)
        if not isinstance(verdict, Valid) or verdict.claim is None:
            outcome = _validation(verdict, known)
        elif must_be_saved(verdict.claim, verdict.license):
            outcome = _seated(actor, asked, store=store, ids=ids, now=now)
        else:
            if verdict.claim.machine is not None:
                heartbeats.note(verdict.claim.machine.id, now, actor.request_ip)
            outcome = _validation(verdict, known)
    validations.note(_entry(actor, asked, outcome, now=now))
    return outcome


def _seated(
    actor: Actor, question: Question, *, store: Store, ids: Ids, now: Instant
) -> Validation:
    """Judge again with the write lock held, and save the seat."""
    machine_id = MachineId(ids.new())
    with store.writing() as tx:
        known = find_facts(question, tx.facts)
        verdict = decide(known, question, machine_id=machine_id, now=now)
        _save_seat(tx, actor, verdict, ids=ids, now=now)
    return _validation(verdict, known)


def _save_seat(tx: Transaction, actor: Actor, verdict: Verdict, *, ids: Ids, now: Instant) -> None:
    if not isinstance(verdict, Valid) or verdict.claim is None or verdict.claim.machine is None:
        return
    machine = verdict.claim.machine
    if verdict.claim.license is not verdict.license:
        tx.licenses.put_license(verdict.claim.license)
    if isinstance(verdict.claim, SeatTaken):
        tx.machines.put_machine(machine)
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
    actor: Actor, asked: Question | Unreadable, outcome: Validation, *, now: Instant
) -> ValidationEntry:
    verdict = outcome.verdict
    license = verdict.license
    machine = verdict.claim.machine if isinstance(verdict, Valid) and verdict.claim else None
    return ValidationEntry(
        result="ok" if isinstance(verdict, Valid) else verdict.reason,
        license_id=license.id if license else None,
        product_id=license.product_id if license else None,
        machine_id=machine.id if machine else None,
        fingerprint_hash=asked.candidate.hash if asked.candidate else None,
        client_ip=actor.request_ip,
        user_agent=actor.user_agent,
        detail=asked.detail if isinstance(asked, Unreadable) else _detail(verdict),
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
