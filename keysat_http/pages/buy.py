"""The buy page: what a product costs now, and the form that buys it. Source: public-api 14.1.

It works without scripts. With them, the same page is fetched for another tier or code, and its
order is put in place.
"""

from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Final

from litestar import MediaType, Request, Response
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from keysat_core.domain.actor import Actor
from keysat_core.domain.eligibility import CodeProblem
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.rate_limit import PREVIEW, PURCHASE
from keysat_core.errors import KeysatError, NotFound, RateLimited
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.show_offers import AskOffers, Offers, show_offers
from keysat_http.client_address import Caller
from keysat_http.errors import answer
from keysat_http.pages.buying import Wish, posted, problem_field, wish_of
from keysat_http.pages.compression import smaller
from keysat_http.pages.failures import plain, show_failure
from keysat_http.pages.offers import card_of
from keysat_http.pages.rendering import base_path, is_part_wanted, render
from keysat_http.pages.sellers import seller_of
from keysat_http.provider_threads import ProviderThreads
from keysat_http.public.purchase import PURCHASE_FAILURES, begin_purchase
from keysat_http.rate_limits import RateLimiter
from keysat_http.routes import get, post
from keysat_http.settings import HTTPSettings

_PATH: Final = "/buy/{slug:str}"
_ENDED: Final = frozenset({InvoiceStatus.EXPIRED, InvoiceStatus.INVALID})
_APPLY: Final = "apply"
"""What the button says that looks at a code and buys nothing."""

CODE_WORDS: Final = {
    CodeProblem.UNKNOWN: "We do not know this code. Check how it is spelt.",
    CodeProblem.DISABLED: "This code is not accepted any more.",
    CodeProblem.PAID: "This code does not make it free.",
    CodeProblem.EXPIRED: "This code has expired.",
    CodeProblem.WRONG_PRODUCT: "This code is for another product.",
    CodeProblem.WRONG_TIER: "This code is not for this tier. Choose another tier, or clear the code.",
    CodeProblem.EXHAUSTED: "This code was used as often as it can be.",
}
TOO_MANY_CODES: Final = "Too many codes were tried from here. Wait a minute and try again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """What a request for the page is answered with."""

    caller: Caller
    ports: Ports
    settings: HTTPSettings
    limiter: RateLimiter


@get(
    _PATH,
    exception_handlers={Exception: show_failure},
    raises=[NotFound],
    media_type=MediaType.HTML,
    tags=["pages"],
)
def show_buy_page(
    *,
    slug: FromPath[str],
    request: Request[object, object, State],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    limiter: NamedDependency[RateLimiter],
) -> Response[bytes]:
    """Show what a product costs, and the form that buys it."""
    said = {name: values[0] for name, values in request.query_params.dict().items()}
    shop = Shop(caller=caller, ports=ports, settings=settings, limiter=limiter)
    page = _page(slug, wish_of(said, ports), shop, is_part=is_part_wanted(request))
    return smaller(page, request)


@post(
    _PATH,
    exception_handlers={Exception: show_failure},
    raises=PURCHASE_FAILURES,
    sync_to_thread=None,
    media_type=MediaType.HTML,
    status_code=HTTPStatus.OK.value,
    tags=["pages"],
)
async def buy(
    *,
    slug: FromPath[str],
    request: Request[object, object, State],
    actor: NamedDependency[Actor],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    limiter: NamedDependency[RateLimiter],
    provider_threads: NamedDependency[ProviderThreads],
    purchase_seconds: NamedDependency[float],
) -> Response[str] | Redirect:
    """Buy what the form says, or look at its code; whatever fails, the form is shown as it was."""
    said = await posted(request)
    wish = wish_of(said, ports)
    shop = Shop(caller=caller, ports=ports, settings=settings, limiter=limiter)
    if said.get("do") == _APPLY:
        return await sync_to_thread(_page, slug, wish, shop)

    begin = partial(
        begin_purchase,
        actor,
        ports=ports,
        settings=settings,
        provider_threads=provider_threads,
        purchase_seconds=purchase_seconds,
    )
    try:
        limiter.charge(PURCHASE, caller, ports.clock.now())
        opened, invoice = await begin(wish.as_request(slug))
        if opened.is_replayed and invoice.status in _ENDED:
            # What was not paid in time cannot be paid any more: the buyer tries again.
            again = replace(wish, attempt=invoice.id)
            opened, invoice = await begin(again.as_request(slug))
    except KeysatError as failure:
        return await sync_to_thread(_page, slug, wish, shop, failure)
    where = "thank-you" if opened.key is not None else "checkout"
    return Redirect(f"{base_path(settings)}/{where}?invoice_id={invoice.id}", status_code=303)


def _page(
    slug: str,
    wish: Wish,
    shop: Shop,
    failure: KeysatError | None = None,
    *,
    is_part: bool = False,
) -> Response[str]:
    ports = shop.ports
    problems: dict[str, str] = {}
    question = AskOffers(product_slug=slug, policy_slug=wish.policy, code=wish.code)
    if wish.code.strip() and failure is None:
        try:
            shop.limiter.charge(PREVIEW, shop.caller, ports.clock.now())
        except RateLimited:
            question = AskOffers(product_slug=slug, policy_slug=wish.policy)
            problems["code"] = TOO_MANY_CODES
    offers = show_offers(
        question, store=ports.store, clock=ports.clock, rates=ports.rates, providers=ports.providers
    )
    problem = offers.chosen.problem
    if problem is not None:
        problems["code"] = CODE_WORDS[problem]
    status = 200
    if failure is not None:
        told = answer(failure, request_id=None, is_for_operator=False)
        status = told.status
        problems.setdefault(problem_field(failure) or "form", plain(told.body.message))
    return render(
        "buy.html",
        _shown(offers, wish, problems) | {"is_part": is_part},
        ports=ports,
        settings=shop.settings,
        status=status,
    )


def _shown(offers: Offers, wish: Wish, problems: dict[str, str]) -> dict[str, object]:
    product = offers.product
    return {
        "offers": offers,
        "product": product,
        "cards": [card_of(product, offer) for offer in offers.tiers],
        "orders": [card_of(product, offer) for offer in offers.orders],
        "chosen_at": offers.orders.index(offers.chosen) + 1,
        "rate_ages": {one.rate.currency: one.fetched_at for one in offers.rates},
        "wish": wish,
        "problems": problems,
        "seller": seller_of(offers.profile, offers.logo_version),
    }
