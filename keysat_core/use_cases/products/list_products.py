"""Read products: the public catalog and the operator's list."""

from collections.abc import Sequence

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.code import Code
from keysat_core.domain.eligibility import featured_code
from keysat_core.domain.ids import ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Money
from keysat_core.domain.opening import Offer
from keysat_core.domain.policy import Policy
from keysat_core.domain.pricing import Pricing, currencies_of, priced
from keysat_core.domain.product import Product
from keysat_core.domain.tier import tier_list
from keysat_core.errors import NotFound, RateUnavailable
from keysat_core.ports.clock import Clock
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store


class FeaturedPrice(msgspec.Struct, frozen=True, kw_only=True):
    """A code that is applied by itself, and what it leaves of the listed price."""

    code: Code
    price: Money
    pricing: Pricing


class TierList(msgspec.Struct, frozen=True, kw_only=True):
    """A product and the tiers buyers may choose, cheapest first.

    ``featured`` holds, in the order of the tiers, the code that is applied to each by itself.
    """

    product: Product
    policies: tuple[Policy, ...]
    featured: tuple[FeaturedPrice | None, ...] = ()


def list_catalog(*, store: Store) -> list[Product]:
    """Give the products on sale, by name (public-api 5.1)."""
    with store.reading() as tx:
        return tx.products.list_products(is_inactive_included=False)


def show_catalog_product(slug: str, *, store: Store) -> Product:
    """Give one product, inactive ones too (public-api 5.2).

    Raises:
        NotFound: no product has the slug.
    """
    with store.reading() as tx:
        product = tx.products.find_product_by_slug(slug)
    if product is None:
        raise NotFound("product", slug)
    return product


def list_tiers(slug: str, *, store: Store, clock: Clock, rates: Rates) -> TierList:
    """Give the tiers of an active product (public-api 5.3).

    Raises:
        NotFound: no active product has the slug.
    """
    with store.reading() as tx:
        product = tx.products.find_product_by_slug(slug)
        if product is None or not product.active:
            raise NotFound("product", slug)
        policies = tier_list(product, tx.policies.list_policies(product.id))
        now = clock.now()
        codes = tx.codes.list_featured(product.id, now)
    featured = tuple(
        _featured(Offer(product=product, policy=policy), codes, now, rates) for policy in policies
    )
    return TierList(product=product, policies=tuple(policies), featured=featured)


def _featured(
    offer: Offer, codes: Sequence[Code], now: Instant, rates: Rates
) -> FeaturedPrice | None:
    """Price a tier with the code that is applied by itself, as a purchase would.

    Where no rate can be had now, the code is not shown: it could not be applied either.
    """
    code = featured_code(codes, offer.product, offer.policy, now) if offer.takes_codes else None
    if code is None:
        return None
    try:
        known = {one: rates.rate(one) for one in currencies_of(offer.price, code)}
    except RateUnavailable:
        return None
    return FeaturedPrice(code=code, price=offer.price, pricing=priced(offer.price, code, known))


def list_products(actor: Actor, *, is_inactive_included: bool, store: Store) -> list[Product]:
    """Give the operator's products, by name (B-34).

    Raises:
        Forbidden: the actor lacks ``products:read``.
    """
    authorize(actor, Scope.PRODUCTS_READ)
    with store.reading() as tx:
        return tx.products.list_products(is_inactive_included=is_inactive_included)


def show_product(actor: Actor, product_id: ProductId, *, store: Store) -> Product:
    """Give one product by id (B-34).

    Raises:
        Forbidden: the actor lacks ``products:read``.
        NotFound: no such product.
    """
    authorize(actor, Scope.PRODUCTS_READ)
    with store.reading() as tx:
        return tx.products.get_product(product_id)


def find_product_id(actor: Actor, slug: str, *, store: Store) -> ProductId:
    """Give the id of the product with a slug.

    Raises:
        Forbidden: the actor lacks ``products:read``.
        NotFound: no product has the slug.
    """
    authorize(actor, Scope.PRODUCTS_READ)
    return show_catalog_product(slug, store=store).id
