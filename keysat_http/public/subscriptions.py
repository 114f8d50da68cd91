"""Cancelling a subscription with its license key. Source: public-api 3 and 13."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.rate_limit import CANCEL
from keysat_core.errors import (
    BadKeyFormat,
    BadKeySignature,
    NotFound,
    RateLimited,
    SigningKeyUnusable,
    Unauthorized,
)
from keysat_core.ports.bundle import Ports
from keysat_core.signing.license_key import LicensePayload
from keysat_core.use_cases.subscriptions.cancel_subscription import cancel_own_subscription
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.rate_limits import RateLimiter
from keysat_http.routes import post
from keysat_http.views.subscription import (
    SubscriptionCancellation,
    subscription_cancellation_view,
)

PER_LICENSE: Final = msgspec.structs.replace(CANCEL, kind="subscription_cancel_license")
"""Takes over while a proxy hides client addresses (public-api 3)."""


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The key of the license whose subscription is to end, and why; blank is absent."""

    license_key: str
    reason: str | None = None


@post(
    "/v1/subscriptions/cancel",
    raises=[NotFound, RateLimited, SigningKeyUnusable, Unauthorized],
    tags=["subscriptions"],
)
def cancel_own_subscription_by_key(
    data: JSONBody[CancelRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
) -> SubscriptionCancellation:
    """Cancel as whoever holds the key; the license stays valid until it expires."""
    limiter.charge(CANCEL, caller, ports.clock.now())
    payload = _payload_in(data.license_key, caller, ports, limiter)
    actor = public_actor(caller, kind=ActorKind.BUYER_LICENSE_KEY, token=data.license_key)
    done = cancel_own_subscription(
        actor,
        payload,
        reason=data.reason,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return subscription_cancellation_view(done)


def _payload_in(key: str, caller: Caller, ports: Ports, limiter: RateLimiter) -> LicensePayload:
    """Read a key; whatever is wrong with it, the answer is the same (public-api 12)."""
    try:
        payload = ports.keys.payload_of(key)
    except (BadKeyFormat, BadKeySignature):
        raise Unauthorized from None
    if caller.limiting_address is None:
        retry_after_seconds = limiter.admit(PER_LICENSE, payload.license_id, ports.clock.now())
        if retry_after_seconds is not None:
            raise RateLimited(retry_after_seconds)
    return payload
