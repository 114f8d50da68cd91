"""Show what a product is sold for: the very prices that opening a purchase would ask."""

from collections.abc import Sequence

import msgspec

from keysat_core.domain.code import Code, normal_code
from keysat_core.domain.eligibility import CodeProblem, featured_code, problem_of
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import MerchantProfile, accounts_for_rail, in_collecting_order
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.opening import Offer
from keysat_core.domain.payment import Rail
from keysat_core.domain.policy import Policy
from keysat_core.domain.pricing import Pricing, currencies_of, priced
from keysat_core.domain.product import Product
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.domain.tier import default_tier, tier_list
from keysat_core.errors import NoProvider, NotFound, RateUnavailable
from keysat_core.ports.clock import Clock
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store, Transaction


class TierOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A tier as a buyer meets it. ``policy`` None: the product is sold without tiers.

    ``code`` is the one that counts: typed by the buyer, else featured. ``problem`` says why the typed
    one does not. ``pricing`` is what a purchase would ask now; None while no rate can be had.
    """

    policy: Policy | None
    price: Money
    code: Code | None = None
    pricing: Pricing | None = None
    problem: CodeProblem | None = None

    @property
    def is_trial(self) -> bool:
        """The first days cost nothing."""
        return self.policy is not None and self.policy.has_free_trial

    @property
    def is_free(self) -> bool:
        """Nothing is to be paid now."""
        is_nothing = self.pricing is not None and self.pricing.final_sats == 0
        return self.is_trial or self.price.amount == 0 or is_nothing

    @property
    def final(self) -> Money:
        """What is left of the listed price, in its currency."""
        if self.pricing is None:
            return self.price
        return Money(currency=self.price.currency, amount=self.pricing.final_value)


class Offers(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a buy page says.

    ``tiers`` are on sale, cheapest first, each with its featured code; ``orders`` are the same, as they
    would be bought with what was typed. ``chosen`` is one of them, or the product itself if it has
    none. ``rates`` are those the prices were converted at. ``rails`` is empty unless the buyer has a
    choice between payment services; ``is_payable``: somebody collects.
    """

    product: Product
    profile: MerchantProfile | None
    logo_version: str | None
    tiers: tuple[TierOffer, ...]
    orders: tuple[TierOffer, ...]
    chosen: TierOffer
    rates: tuple[FetchedRate, ...]
    rails: tuple[Rail, ...]
    is_payable: bool


class AskOffers(msgspec.Struct, frozen=True, kw_only=True):
    """Which product; the tier and the code a buyer chose, blank for none."""

    product_slug: str
    policy_slug: str = ""
    code: str = ""


def show_offers(
    question: AskOffers, *, store: Store, clock: Clock, rates: Rates, providers: PaymentProviders
) -> Offers:
    """Price every tier on sale and the chosen one (public-api 14.1).

    Chosen is the named tier if it is on sale, else the first highlighted one, else the first.

    Raises:
        NotFound: no product on sale has the slug.
    """
    now = clock.now()
    typed = normal_code(question.code)
    with store.reading() as tx:
        product = tx.products.find_product_by_slug(question.product_slug)
        if product is None or not product.active:
            raise NotFound("product", question.product_slug)
        policies = tx.policies.list_policies(product.id)
        featured = tx.codes.list_featured(product.id, now)
        code = tx.codes.find_code_by_text(typed) if typed else None
        profile, rails, is_payable = _collecting(tx, product, providers)
        logo_version = tx.logos.find_version(profile.id) if profile is not None else None
    known = _Known(rates)
    on_sale = tier_list(product, policies)
    tiers = tuple(_offer(product, policy, featured, now, known) for policy in on_sale)
    # Without tiers on sale a purchase finds its terms by itself, and no code but a typed one.
    choices = tiers or (_offer(product, default_tier(product, policies), (), now, known),)
    orders = choices
    if typed:
        orders = tuple(_with_code(product, one, code, now, known) for one in choices)
    return Offers(
        product=product,
        profile=profile,
        logo_version=logo_version,
        tiers=tiers,
        orders=orders,
        chosen=_chosen(orders, question.policy_slug),
        rates=tuple(one for one in rates.list_rates() if one.rate in known.rates()),
        rails=rails,
        is_payable=is_payable,
    )


class _Known:
    """Asks for each rate once; one that cannot be had is None."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._known: dict[Currency, Rate | None] = {}

    def price(self, price: Money, code: Code | None) -> Pricing | None:
        """Price by the routine of purchases; None if a rate is missing."""
        needed = {currency: self._rate(currency) for currency in currencies_of(price, code)}
        rates = {currency: rate for currency, rate in needed.items() if rate is not None}
        return priced(price, code, rates) if len(rates) == len(needed) else None

    def rates(self) -> list[Rate]:
        """Give the rates that were asked for and had."""
        return [rate for rate in self._known.values() if rate is not None]

    def _rate(self, currency: Currency) -> Rate | None:
        if currency not in self._known:
            try:
                self._known[currency] = self._rates.rate(currency)
            except RateUnavailable:
                self._known[currency] = None
        return self._known[currency]


def _offer(
    product: Product,
    policy: Policy | None,
    featured: Sequence[Code],
    now: Instant,
    known: _Known,
) -> TierOffer:
    offer = Offer(product=product, policy=policy)
    code = featured_code(featured, product, policy, now) if offer.takes_codes else None
    pricing = known.price(offer.price, code)
    if code is not None and pricing is None:
        # Nobody typed it, so a purchase would go on without it.
        code, pricing = None, known.price(offer.price, None)
    return TierOffer(policy=policy, price=offer.price, code=code, pricing=pricing)


def _chosen(orders: Sequence[TierOffer], slug: str) -> TierOffer:
    named = [one for one in orders if one.policy is not None and one.policy.slug == slug]
    highlighted = [one for one in orders if one.policy is not None and one.policy.highlighted]
    return next(iter((*named, *highlighted, *orders)))


def _with_code(
    product: Product, offer: TierOffer, code: Code | None, now: Instant, known: _Known
) -> TierOffer:
    """Price a tier with the typed code alone: it displaces a featured one, also if it is refused."""
    is_taken = Offer(product=product, policy=offer.policy).takes_codes
    problem = problem_of(code, product, offer.policy, now) if is_taken else None
    counted = code if is_taken and problem is None else None
    pricing = known.price(offer.price, counted)
    return msgspec.structs.replace(offer, code=counted, pricing=pricing, problem=problem)


def _collecting(
    tx: Transaction, product: Product, providers: PaymentProviders
) -> tuple[MerchantProfile | None, tuple[Rail, ...], bool]:
    """Find who sells, whether anybody collects for them, and what the buyer may choose between."""
    if product.merchant_profile_id is not None:
        profile = tx.merchants.find_profile(product.merchant_profile_id)
    else:
        profile = tx.merchants.find_default_profile()
    if profile is None:
        return None, (), False
    accounts = [
        one for one in tx.merchants.list_accounts(profile.id) if one.kind in providers.kinds()
    ]
    preferences = tx.merchants.list_preferences(profile.id)
    collectors = {}
    for rail in (
        rail for account in in_collecting_order(accounts) for rail in account.served_rails
    ):
        try:
            collectors[rail] = accounts_for_rail(accounts, rail, preferences)[0].id
        except NoProvider:
            continue
    has_choice = len(set(collectors.values())) > 1
    return profile, tuple(collectors) if has_choice else (), bool(collectors)
