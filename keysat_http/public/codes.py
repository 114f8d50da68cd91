"""Codes as buyers use them: what one would take off, and a license for one that costs nothing.

Source: public-api 7 and 8.2; limits of section 3, Better.
"""

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.rate_limit import PREVIEW, REDEEM
from keysat_core.errors import (
    CodeRefused,
    NotFound,
    PolicyUnavailable,
    ProductInactive,
    RateLimited,
    RateUnavailable,
    SigningKeyUnusable,
)
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.codes.preview_code import preview_code
from keysat_core.use_cases.purchases.redeem_code import redeem_code
from keysat_http.client_address import Caller
from keysat_http.rate_limits import RateLimiter
from keysat_http.routes import get, post
from keysat_http.views.code import CodeCheck, Redeemed, code_check_view, redeemed_view


class RedeemRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A code and what it is to give. "" in ``policy_slug`` is absent."""

    product: str
    code: str
    policy_slug: str | None = None
    buyer_email: str | None = None
    buyer_note: str | None = None


@post(
    "/v1/redeem",
    raises=[
        NotFound,
        ProductInactive,
        PolicyUnavailable,
        CodeRefused,
        RateLimited,
        SigningKeyUnusable,
    ],
    tags=["purchase"],
)
def redeem(
    data: JSONBody[RedeemRequest],
    actor: NamedDependency[Actor],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
) -> Redeemed:
    """Give a license for a free-license code; each call takes one use of it."""
    limiter.charge(REDEEM, caller, ports.clock.now())
    request = BuyerRequest(
        product_slug=data.product,
        policy_slug=data.policy_slug,
        code=data.code,
        buyer_email=data.buyer_email,
        buyer_note=data.buyer_note,
    )
    redeemed = redeem_code(
        actor,
        request,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        keys=ports.keys,
    )
    return redeemed_view(redeemed)


@get(
    "/v1/discount-codes/preview",
    raises=[NotFound, RateUnavailable, RateLimited],
    tags=["purchase"],
)
def preview(
    *,
    code: FromQuery[str],
    product: FromQuery[str],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
    policy_slug: FromQuery[str | None] = None,
) -> CodeCheck:
    """Tell what a code would take off a price; nothing is used by asking."""
    limiter.charge(PREVIEW, caller, ports.clock.now())
    found = preview_code(
        code,
        product,
        policy_slug or None,
        store=ports.store,
        clock=ports.clock,
        rates=ports.rates,
    )
    return code_check_view(found)
