"""The question the sold software asks. Source: public-api 9, 18."""

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.rate_limit import VALIDATE
from keysat_core.domain.validation import Reason
from keysat_core.errors import SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.licenses.validate_license import ValidateLicense, validate_license
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.inline import inline_unless_writing
from keysat_http.meters import Meters
from keysat_http.public.candidate import candidate_of
from keysat_http.rate_limits import RateLimiter, secret_key
from keysat_http.routes import post
from keysat_http.views.validation import RATE_LIMITED, ValidateResponse, validation_view


class ValidateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A license key, and what the software knows of itself and its machine."""

    key: str
    product_slug: str | None = None
    fingerprint: str | None = None
    hostname: str | None = None
    platform: str | None = None


@post("/v1/validate", raises=[SigningKeyUnusable], sync_to_thread=None, tags=["licenses"])
async def validate(
    data: JSONBody[ValidateRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
    meters: NamedDependency[Meters],
) -> ValidateResponse:
    """Judge a license key; every verdict has status 200."""
    limited_by = caller.limiting_address or secret_key(data.key)
    if limiter.admit(VALIDATE, limited_by, ports.clock.now()) is not None:
        meters.validations[Reason.RATE_LIMITED] += 1
        return RATE_LIMITED
    candidate = None
    if data.fingerprint is not None and data.fingerprint.strip():
        candidate = candidate_of(
            data.fingerprint, hostname=data.hostname, platform=data.platform, caller=caller
        )
    command = ValidateLicense(key=data.key, product_slug=data.product_slug, candidate=candidate)
    actor = public_actor(caller, kind=ActorKind.BUYER_LICENSE_KEY, token=data.key)
    validation = await inline_unless_writing(
        ports.store,
        lambda store: validate_license(
            actor,
            command,
            store=store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
            validations=ports.validations,
        ),
    )
    view = validation_view(validation)
    meters.validations[view.reason or "ok"] += 1
    return view
