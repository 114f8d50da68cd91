"""The question the sold software asks, as the OpenAPI document has it. Source: public-api 9, 18.

It is served by ``keysat_http.public.hot_path``; only an application made without fast routes comes here.
"""

from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.errors import SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_http.client_address import Caller
from keysat_http.meters import Meters
from keysat_http.public.hot_path import VALIDATE_PATH, Desk, ValidateRequest, answer
from keysat_http.rate_limits import RateLimiter
from keysat_http.routes import post
from keysat_http.views.validation import RATE_LIMITED, ValidateResponse, validation_view


@post(VALIDATE_PATH, raises=[SigningKeyUnusable], sync_to_thread=None, tags=["licenses"])
async def validate(
    data: JSONBody[ValidateRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
    meters: NamedDependency[Meters],
) -> ValidateResponse:
    """Judge a license key; every verdict has status 200."""
    validation = await answer(data, caller, ports.facts, Desk(ports, limiter, meters))
    return RATE_LIMITED if validation is None else validation_view(validation)
