"""Seats, as the sold software asks for them and gives them up. Source: public-api 10, 3, 18."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.rate_limit import HEARTBEAT, MACHINES
from keysat_core.domain.validation import Reason
from keysat_core.errors import (
    BadKeyFormat,
    BadKeySignature,
    NotFound,
    RateLimited,
    SigningKeyUnusable,
)
from keysat_core.ports.bundle import Ports
from keysat_core.signing.license_key import LicensePayload
from keysat_core.use_cases.machines.activate_machine import ActivateMachine, activate_machine
from keysat_core.use_cases.machines.deactivate_machine import (
    DeactivateMachine,
    deactivate_machine,
)
from keysat_core.use_cases.machines.heartbeat_machine import HeartbeatMachine, heartbeat_machine
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.public.candidate import candidate_of
from keysat_http.rate_limits import RateLimiter
from keysat_http.routes import Leaf, post
from keysat_http.views.machine import (
    Activation,
    Deactivation,
    Heartbeat,
    activation_view,
    heartbeat_view,
)

NOT_FOUND: Final = "not_found"
"""Reason when the machine holds no seat to give up (public-api 10.3)."""

PER_LICENSE: Final = msgspec.structs.replace(MACHINES, kind="machines_license")
"""Takes over while a proxy hides client addresses (public-api 3)."""

_KEY_PROBLEMS: Final[tuple[Leaf, ...]] = (BadKeyFormat, BadKeySignature, SigningKeyUnusable)


class ActivateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A license key and the machine that asks for a seat."""

    key: str
    fingerprint: str
    hostname: str | None = None
    platform: str | None = None


class HeartbeatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A license key and the machine that is in use."""

    key: str
    fingerprint: str


class DeactivateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A license key, the machine that gives up its seat, and why."""

    key: str
    fingerprint: str
    reason: str | None = None


@post("/v1/machines/activate", raises=[*_KEY_PROBLEMS, NotFound, RateLimited], tags=["machines"])
def activate(
    data: JSONBody[ActivateRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
) -> Activation:
    """Give a machine a seat; repeating it changes nothing."""
    payload = _admit(data.key, caller, ports, limiter)
    candidate = candidate_of(
        data.fingerprint, hostname=data.hostname, platform=data.platform, caller=caller
    )
    answer = activate_machine(
        _holder(caller, data.key),
        ActivateMachine(payload=payload, candidate=candidate),
        store=ports.store,
        facts=ports.facts,
        heartbeats=ports.heartbeats,
        clock=ports.clock,
        ids=ports.ids,
    )
    return activation_view(answer)


@post("/v1/machines/heartbeat", raises=_KEY_PROBLEMS, is_inline=True, tags=["machines"])
def heartbeat(
    data: JSONBody[HeartbeatRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
) -> Heartbeat:
    """Note that a machine is in use."""
    candidate = candidate_of(data.fingerprint, caller=caller)
    payload = ports.keys.payload_of(data.key)
    if limiter.admit(HEARTBEAT, payload.license_id, ports.clock.now()) is not None:
        return Heartbeat(ok=False, reason=Reason.RATE_LIMITED)
    actor = _holder(caller, data.key)
    command = HeartbeatMachine(payload=payload, candidate=candidate)
    answer = heartbeat_machine(
        actor, command, facts=ports.facts, heartbeats=ports.heartbeats, clock=ports.clock
    )
    return heartbeat_view(answer)


@post("/v1/machines/deactivate", raises=[*_KEY_PROBLEMS, RateLimited], tags=["machines"])
def deactivate(
    data: JSONBody[DeactivateRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
) -> Deactivation:
    """Free the seat a machine holds, whatever the state of its license."""
    payload = _admit(data.key, caller, ports, limiter)
    candidate = candidate_of(data.fingerprint, caller=caller)
    freed = deactivate_machine(
        _holder(caller, data.key),
        DeactivateMachine(payload=payload, candidate=candidate, reason=data.reason),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return Deactivation(ok=freed is not None, reason=UNSET if freed else NOT_FOUND)


def _admit(key: str, caller: Caller, ports: Ports, limiter: RateLimiter) -> LicensePayload:
    """Read a verified key within the rate limits."""
    now = ports.clock.now()
    limiter.charge(MACHINES, caller, now)
    payload = ports.keys.payload_of(key)
    if caller.limiting_address is None:
        retry_after_seconds = limiter.admit(PER_LICENSE, payload.license_id, now)
        if retry_after_seconds is not None:
            raise RateLimited(retry_after_seconds)
    return payload


def _holder(caller: Caller, key: str) -> Actor:
    return public_actor(caller, kind=ActorKind.BUYER_LICENSE_KEY, token=key)
