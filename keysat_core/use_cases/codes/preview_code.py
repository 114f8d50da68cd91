"""Show what a code would take off a price, without using it."""

import msgspec

from keysat_core.domain.code import Code, CodeKind, normal_code
from keysat_core.domain.eligibility import CodeProblem, problem_of
from keysat_core.domain.money import Money
from keysat_core.domain.opening import Offer
from keysat_core.domain.pricing import Pricing, currencies_of, priced
from keysat_core.domain.product import Product
from keysat_core.domain.tier import default_tier, is_on_sale
from keysat_core.errors import InvariantError, NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store, Transaction


class CodePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What the code does to the price. ``problem`` None: it applies.

    ``price`` is the listed price of the tier, ``pricing`` with the code if it applies.
    """

    code: Code | None
    problem: CodeProblem | None
    price: Money
    pricing: Pricing

    @property
    def is_free(self) -> bool:
        """A license for nothing, to be had by redeeming the code."""
        return self.code is not None and self.code.kind is CodeKind.FREE_LICENSE


def preview_code(
    text: str,
    product_slug: str,
    policy_slug: str | None,
    *,
    store: Store,
    clock: Clock,
    rates: Rates,
) -> CodePreview:
    """Price a tier with a code, by the same routine as a purchase (public-api 8.2).

    A tier that is unknown or not on sale is taken for none named. Whether the product is on sale is
    not looked at.

    Raises:
        InvariantError: the code is blank.
        NotFound: no such product.
        RateUnavailable: a fiat price cannot be converted now.
    """
    spelled = normal_code(text)
    if not spelled:
        raise InvariantError("code", "must not be blank")
    now = clock.now()
    with store.reading() as tx:
        product = tx.products.find_product_by_slug(product_slug)
        if product is None:
            raise NotFound("product", product_slug)
        offer = _offer(tx, product, policy_slug)
        code = tx.codes.find_code_by_text(spelled)
    problem = problem_of(code, product, offer.policy, now)
    if problem not in {None, CodeProblem.WRONG_TIER}:
        # Of a code that does not apply the price of the product is told (public-api 8.2).
        offer = Offer(product=product, policy=None)
    counted = code if problem is None and offer.takes_codes else None
    needed = currencies_of(offer.price, counted)
    pricing = priced(offer.price, counted, {one: rates.rate(one) for one in needed})
    if problem is None and offer.policy is not None and offer.policy.has_free_trial:
        # A trial costs nothing, with or without a code.
        pricing = msgspec.structs.replace(pricing, final_sats=0, final_value=0)
    return CodePreview(code=code, problem=problem, price=offer.price, pricing=pricing)


def _offer(tx: Transaction, product: Product, policy_slug: str | None) -> Offer:
    policies = tx.policies.list_policies(product.id)
    named = [one for one in policies if one.slug == policy_slug and is_on_sale(one)]
    policy = named[0] if named else default_tier(product, policies)
    return Offer(product=product, policy=policy)
