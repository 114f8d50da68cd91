"""Getting a lost license key again. Source: public-api 11."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.rate_limit import RECOVER
from keysat_core.errors import RateLimited, RecoveryRefused, SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.licenses import recover_license as recovering
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.rate_limits import RateLimiter
from keysat_http.routes import post
from keysat_http.views.recovered_license import RecoveredLicense, recovered_view

NO_ADDRESS: Final = "_lan_"
"""Stands for an address nobody knows, in the audit log and as the key all such callers share."""


class RecoverRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice id of a purchase and the e-mail address given with it."""

    invoice_id: str
    email: str


@post(
    "/v1/recover",
    raises=[RecoveryRefused, RateLimited, SigningKeyUnusable],
    tags=["purchase"],
)
def recover_license(
    data: JSONBody[RecoverRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
) -> RecoveredLicense:
    """Give the key of an active license again. Whatever is wrong, the answer is the same 404."""
    return recovered_for(data, caller, ports, limiter)


def recovered_for(
    data: RecoverRequest, caller: Caller, ports: Ports, limiter: RateLimiter
) -> RecoveredLicense:
    """Give what is recovered, within the limit of attempts.

    Raises:
        RateLimited: too many attempts from this address.
        RecoveryRefused: nothing is recovered, whatever the reason.
    """
    address = caller.limiting_address or NO_ADDRESS
    retry_after_seconds = limiter.admit(RECOVER, address, ports.clock.now())
    if retry_after_seconds is not None:
        raise RateLimited(retry_after_seconds)
    command = recovering.RecoverLicense(invoice_id=data.invoice_id, email=data.email)
    holder = public_actor(
        caller,
        kind=ActorKind.BUYER_SELF_SERVICE,
        token=recovering.normal_email(data.email),
    )
    actor = msgspec.structs.replace(holder, request_ip=caller.address or NO_ADDRESS)
    recovered = recovering.recover_license(
        actor, command, store=ports.store, clock=ports.clock, keys=ports.keys
    )
    return recovered_view(recovered)
