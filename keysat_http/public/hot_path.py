"""The hot path: ``POST /v1/validate``, served around the framework.

A routed handler costs three times the whole of this (PERFORMANCE). The request is read, judged by
the use case and answered on the event loop: point reads and cached facts take microseconds. Only
a new seat goes to a thread, because it waits for the disk. The rules of the wire are those of every
other route: bodies are read by ``keysat_http.bodies``, headers and failures are the edge's. What
the OpenAPI document says of the route is declared in ``keysat_http.public.validate``, which answers
through the same function. Source: public-api 9, 18.
"""

import asyncio
from collections.abc import Generator, Mapping
from types import coroutine
from typing import Final

import msgspec
from litestar.concurrency import sync_to_thread
from litestar.types import HTTPScope, Receive

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.rate_limit import VALIDATE
from keysat_core.domain.validation import Facts, Question, Reason, Refused
from keysat_core.ports.bundle import Ports
from keysat_core.ports.facts import CommittedFacts, ValidationFacts
from keysat_core.ports.store import Store
from keysat_core.use_cases.licenses.validate_license import (
    Unreadable,
    ValidateLicense,
    Validation,
    find_facts,
    judge_question,
    read_question,
)
from keysat_http.arrivals import ARRIVALS
from keysat_http.auth import public_actor
from keysat_http.bodies import receive_json
from keysat_http.client_address import Caller, Callers
from keysat_http.edge import FastRoute
from keysat_http.inline import Peek, WriteWanted
from keysat_http.meters import Meters
from keysat_http.public.candidate import candidate_of
from keysat_http.rate_limits import RateLimiter, secret_key
from keysat_http.views.encoded_answers import EncodedAnswers
from keysat_http.views.validation import RATE_LIMITED

VALIDATE_PATH: Final = "/v1/validate"

_RATE_LIMITED: Final = msgspec.json.encode(RATE_LIMITED)


class ValidateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A license key, and what the software knows of itself and its machine."""

    key: str
    product_slug: str | None = None
    fingerprint: str | None = None
    hostname: str | None = None
    platform: str | None = None


class Desk:
    """What a validation is answered with."""

    __slots__ = ("limiter", "meters", "peek", "ports")

    def __init__(self, ports: Ports, limiter: RateLimiter, meters: Meters) -> None:
        self.ports = ports
        self.limiter = limiter
        self.meters = meters
        self.peek = Peek(ports.store)


def fast_routes(
    ports: Ports, limiter: RateLimiter, callers: Callers, meters: Meters
) -> Mapping[str, FastRoute]:
    """Give the routes that go around the framework, by their paths."""
    desk, facts, answers = Desk(ports, limiter, meters), TurnFacts(ports.facts), EncodedAnswers()

    async def validate(scope: HTTPScope, receive: Receive) -> bytes:
        asked = await receive_json(scope, receive, ValidateRequest)
        validation = await answer(asked, callers.caller_of(scope), facts, desk)
        return _RATE_LIMITED if validation is None else answers.encoded(validation)

    return {VALIDATE_PATH: validate}


@coroutine
def others() -> Generator[None]:
    """Let the requests that wait do the same step first; what ``asyncio.sleep(0)`` does."""
    yield


class TurnFacts:
    """Facts as of a moment after which nothing was received, for use on the event loop alone.

    Whoever asks now asked before that moment, so no commit that was missed was known to anybody who
    asks. One look for commits is enough for all that is answered in a turn of the loop.
    """

    def __init__(self, facts: CommittedFacts) -> None:
        self._facts = facts
        self._of_turn: ValidationFacts | None = None
        self._arrivals = 0

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        """Give the facts; see ``ports.facts.ValidationFacts``."""
        known = self._of_turn
        if known is None or self._arrivals != ARRIVALS.count:
            if known is None:
                # Also where nobody counts arrivals, as under another server than ours.
                asyncio.get_running_loop().call_soon(self._end_turn)
            # Not before the look: one that fails must leave nothing to go by.
            known = self._facts.as_of_now()
            self._of_turn, self._arrivals = known, ARRIVALS.count
        return known.find_facts(license_id, fingerprint_hash)

    def _end_turn(self) -> None:
        self._of_turn = None


async def answer(
    asked: ValidateRequest, caller: Caller, facts: ValidationFacts, desk: Desk
) -> Validation | None:
    """Judge a license key; every verdict has status 200. None: the caller asked too often.

    Raises:
        InvariantError: the fingerprint is too long, or a text cannot be stored.
        SigningKeyUnusable, StoreBusy, StoreUnavailable, CorruptRow.
    """
    ports, limiter, counted = desk.ports, desk.limiter, desk.meters.validations
    if limiter.is_limiting:
        limited_by = caller.limiting_address or secret_key(asked.key)
        if limiter.admit(VALIDATE, limited_by, ports.clock.now()) is not None:
            counted[Reason.RATE_LIMITED] += 1
            return None
    candidate = None
    if asked.fingerprint is not None and asked.fingerprint.strip():
        candidate = candidate_of(
            asked.fingerprint, hostname=asked.hostname, platform=asked.platform, caller=caller
        )
    command = ValidateLicense(key=asked.key, product_slug=asked.product_slug, candidate=candidate)
    await others()
    question = read_question(command, ports.keys)
    await others()
    known = find_facts(question, facts)
    await others()
    try:
        # Nothing is audited on this way, so the actor need not say which key it holds.
        validation = _judge(public_actor(caller), question, known, desk.peek, ports)
    except WriteWanted:
        holder = public_actor(caller, kind=ActorKind.BUYER_LICENSE_KEY, token=asked.key)
        validation = await sync_to_thread(_judge, holder, question, known, ports.store, ports)
    verdict = validation.verdict
    counted[verdict.reason if isinstance(verdict, Refused) else "ok"] += 1
    return validation


def _judge(
    actor: Actor, question: Question | Unreadable, known: Facts | None, store: Store, ports: Ports
) -> Validation:
    return judge_question(
        actor,
        question,
        known,
        store=store,
        clock=ports.clock,
        ids=ports.ids,
        heartbeats=ports.heartbeats,
        validations=ports.validations,
    )
