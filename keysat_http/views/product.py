"""Products and their tiers as they look on the wire. Source: public-api 5; admin-api 2.1, 2.4."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import CatalogEntry
from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.money import Currency
from keysat_core.domain.policy import Policy as DomainPolicy
from keysat_core.domain.product import Product as DomainProduct
from keysat_core.domain.tier import list_price
from keysat_core.use_cases.products.delete_product import DeletedProduct as Deletion
from keysat_core.use_cases.products.list_products import FeaturedPrice
from keysat_core.use_cases.products.list_products import TierList as Tiers
from keysat_http.views.outcome import settled_invoices_warning


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product. ``price_value`` counts the smallest unit of ``price_currency``."""

    id: str
    slug: str
    name: str
    description: str
    price_sats: int
    price_currency: Currency
    price_value: int
    active: bool
    metadata: JSONValue
    entitlements_catalog: tuple[CatalogEntry, ...] | None
    merchant_profile_id: str | None
    created_at: str
    updated_at: str


class ProductList(msgspec.Struct, frozen=True, kw_only=True):
    """Products by name. ``total`` counts all that match, in the operator's list alone."""

    products: list[Product]
    total: int | UnsetType = UNSET


class TierProduct(msgspec.Struct, frozen=True, kw_only=True):
    """The product of a list of tiers."""

    slug: str
    name: str
    description: str
    base_price_sats: int
    price_currency: Currency
    price_value: int
    entitlements_catalog: tuple[CatalogEntry, ...]


class FeaturedDiscount(msgspec.Struct, frozen=True, kw_only=True):
    """The best featured code of a tier."""

    code: str
    kind: str
    description: str
    amount: int
    expires_at: str | None
    max_uses: int | None
    used_count: int
    remaining_uses: int | None
    discount_applied_sats: int
    discounted_price_sats: int


class CatalogTier(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer may choose. ``price_sats`` holds cents for a product priced in fiat."""

    slug: str
    name: str
    description: str
    price_sats: int
    price_currency: Currency
    price_value: int
    duration_seconds: int
    max_machines: int
    is_trial: bool
    entitlements: tuple[str, ...]
    marketing_bullets: JSONValue
    marketing_bullets_position: str
    hidden_entitlements: JSONValue
    highlighted: bool
    is_recurring: bool
    renewal_period_days: int
    trial_days: int
    featured_discount: FeaturedDiscount | None


class TierList(msgspec.Struct, frozen=True, kw_only=True):
    """A product and its tiers, cheapest first."""

    product: TierProduct
    policies: list[CatalogTier]


class DeletedProduct(msgspec.Struct, frozen=True, kw_only=True):
    """What went with a product; the last four are 0 unless ``force``."""

    ok: bool
    deleted: str
    force: bool
    cascaded_policies: int
    cascaded_codes: int
    cascaded_licenses: int
    cascaded_invoices: int
    cascaded_machines: int
    cascaded_redemptions: int
    cascaded_subscriptions: int
    warning: str | UnsetType = UNSET


def product_view(product: DomainProduct) -> Product:
    """Render a product."""
    return Product(
        id=product.id,
        slug=product.slug,
        name=product.name,
        description=product.description,
        price_sats=product.price_sats,
        price_currency=product.price.currency,
        price_value=product.price.amount,
        active=product.active,
        metadata=product.metadata,
        entitlements_catalog=product.entitlements_catalog or None,
        merchant_profile_id=product.merchant_profile_id,
        created_at=rfc3339(product.created_at),
        updated_at=rfc3339(product.updated_at),
    )


def product_list_view(
    products: Iterable[DomainProduct], *, total: int | UnsetType = UNSET
) -> ProductList:
    """Render products in the order given."""
    return ProductList(products=[product_view(product) for product in products], total=total)


def tier_list_view(tiers: Tiers) -> TierList:
    """Render a product with its tiers in the order given."""
    product = tiers.product
    return TierList(
        product=TierProduct(
            slug=product.slug,
            name=product.name,
            description=product.description,
            base_price_sats=product.price_sats,
            price_currency=product.price.currency,
            price_value=product.price.amount,
            entitlements_catalog=product.entitlements_catalog,
        ),
        policies=[
            _tier_view(product, policy, featured)
            for policy, featured in zip(tiers.policies, tiers.featured, strict=True)
        ],
    )


def deleted_product_view(deletion: Deletion, *, is_forced: bool) -> DeletedProduct:
    """Render a deletion. Codes do not exist yet, so none goes with a product."""
    counts = deletion.counts
    return DeletedProduct(
        ok=True,
        deleted=deletion.slug,
        force=is_forced,
        cascaded_policies=counts.policies,
        cascaded_codes=counts.codes,
        cascaded_licenses=counts.licenses,
        cascaded_invoices=counts.invoices,
        cascaded_machines=counts.machines,
        cascaded_redemptions=counts.redemptions,
        cascaded_subscriptions=counts.subscriptions,
        warning=settled_invoices_warning(deletion.counts),
    )


def _tier_view(
    product: DomainProduct, policy: DomainPolicy, featured: FeaturedPrice | None
) -> CatalogTier:
    price = list_price(product, policy)
    said = policy.metadata if isinstance(policy.metadata, dict) else {}
    description = said.get("description")
    is_below = said.get("marketing_bullets_position") == "below"
    return CatalogTier(
        slug=policy.slug,
        name=policy.name,
        description=description if isinstance(description, str) else "",
        price_sats=price.amount,
        price_currency=price.currency,
        price_value=price.amount,
        duration_seconds=policy.duration_seconds,
        max_machines=policy.max_machines,
        is_trial=policy.is_trial,
        entitlements=policy.entitlements,
        marketing_bullets=said.get("marketing_bullets", []),
        marketing_bullets_position="below" if is_below else "above",
        hidden_entitlements=said.get("hidden_entitlements", []),
        highlighted=policy.highlighted,
        is_recurring=policy.is_recurring,
        renewal_period_days=policy.renewal_period_days if policy.is_recurring else 0,
        trial_days=policy.trial_days if policy.is_recurring else 0,
        featured_discount=None if featured is None else _featured_view(featured),
    )


def _featured_view(featured: FeaturedPrice) -> FeaturedDiscount:
    code, pricing = featured.code, featured.pricing
    return FeaturedDiscount(
        code=code.code,
        kind=code.kind,
        description=code.description,
        amount=code.amount,
        expires_at=rfc3339_or_none(code.expires_at),
        max_uses=code.max_uses,
        used_count=code.used_count,
        remaining_uses=code.remaining_uses,
        # In the unit of the row's own price_sats, which are cents for a fiat product (5.3).
        discount_applied_sats=featured.price.amount - pricing.final_value,
        discounted_price_sats=pricing.final_value,
    )
