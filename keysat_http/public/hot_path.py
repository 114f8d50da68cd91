"""The hot path: ``POST /v1/validate``, served around the framework.

A routed handler costs three times the whole of this (PERFORMANCE). The request is read, judged by
the use case and answered on the event loop: point reads and cached facts take microseconds. Only
a new seat goes to a thread, because it waits for the disk. The rules of the wire are those of every
other route: bodies are read by ``keysat_http.bodies``, headers and failures are the edge's. What
the OpenAPI document says of the route is declared in ``keysat_http.public.validate``, which answers
through the same function. Source: public-api 9, 18.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from litestar.concurrency import sync_to_thread
from litestar.types import HTTPScope, Receive

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.rate_limit import VALIDATE
from keysat_core.domain.validation import Reason
from keysat_core.ports.bundle import Ports
from keysat_core.ports.store import Store
from keysat_core.use_cases.licenses.validate_license import (
    ValidateLicense,
    Validation,
    validate_license,
)
from keysat_http.auth import public_actor
from keysat_http.bodies import receive_json
from keysat_http.client_address import Caller, Callers
from keysat_http.edge import FastRoute
from keysat_http.inline import Peek, WriteWanted
from keysat_http.meters import Meters
from keysat_http.public.candidate import candidate_of
from keysat_http.rate_limits import RateLimiter, secret_key
from keysat_http.views.validation import RATE_LIMITED, ValidateResponse, validation_view

VALIDATE_PATH: Final = "/v1/validate"

_encode: Final = msgspec.json.Encoder().encode


class ValidateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A license key, and what the software knows of itself and its machine."""

    key: str
    product_slug: str | None = None
    fingerprint: str | None = None
    hostname: str | None = None
    platform: str | None = None


def fast_routes(
    ports: Ports, limiter: RateLimiter, callers: Callers, meters: Meters
) -> Mapping[str, FastRoute]:
    """Give the routes that go around the framework, by their paths."""

    async def validate(scope: HTTPScope, receive: Receive) -> bytes:
        asked = await receive_json(scope, receive, ValidateRequest)
        return _encode(await answer(asked, callers.caller_of(scope), ports, limiter, meters))

    return {VALIDATE_PATH: validate}


async def answer(
    asked: ValidateRequest, caller: Caller, ports: Ports, limiter: RateLimiter, meters: Meters
) -> ValidateResponse:
    """Judge a license key; every verdict has status 200.

    Raises:
        InvariantError: the fingerprint is too long, or a text cannot be stored.
        SigningKeyUnusable, StoreBusy, StoreUnavailable, CorruptRow.
    """
    if limiter.is_limiting:
        limited_by = caller.limiting_address or secret_key(asked.key)
        if limiter.admit(VALIDATE, limited_by, ports.clock.now()) is not None:
            meters.validations[Reason.RATE_LIMITED] += 1
            return RATE_LIMITED
    candidate = None
    if asked.fingerprint is not None and asked.fingerprint.strip():
        candidate = candidate_of(
            asked.fingerprint, hostname=asked.hostname, platform=asked.platform, caller=caller
        )
    command = ValidateLicense(key=asked.key, product_slug=asked.product_slug, candidate=candidate)
    try:
        # Nothing is audited on this way, so the actor need not say which key it holds.
        validation = _judge(command, public_actor(caller), Peek(ports.store), ports)
    except WriteWanted:
        holder = public_actor(caller, kind=ActorKind.BUYER_LICENSE_KEY, token=asked.key)
        validation = await sync_to_thread(_judge, command, holder, ports.store, ports)
    view = validation_view(validation)
    meters.validations[view.reason or "ok"] += 1
    return view


def _judge(command: ValidateLicense, actor: Actor, store: Store, ports: Ports) -> Validation:
    return validate_license(
        actor,
        command,
        store=store,
        facts=ports.facts,
        clock=ports.clock,
        ids=ports.ids,
        keys=ports.keys,
        heartbeats=ports.heartbeats,
        validations=ports.validations,
    )
