"""Products, as operators manage them. Source: admin-api 2.4, B-23, B-34, B-36."""

from collections.abc import Iterable
from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor
from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import CatalogEntry
from keysat_core.domain.ids import MerchantProfileId, PolicyId, ProductId
from keysat_core.domain.product import PriceInput
from keysat_core.domain.product import Product as DomainProduct
from keysat_core.errors import NotFound, SlugTaken, StillReferenced, TierCapReached
from keysat_core.limits import PRODUCTS_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.policies.order_policies import OrderPolicies, order_policies
from keysat_core.use_cases.products import create_product as creating
from keysat_core.use_cases.products import delete_product as deleting
from keysat_core.use_cases.products import list_products as listing
from keysat_core.use_cases.products import update_product as updating
from keysat_http.admin.paging import page_of
from keysat_http.bodies import Flag, WholeNumber
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, get, patch, post, put
from keysat_http.views.outcome import DONE, Done
from keysat_http.views.policy import PolicyList, policy_list_view
from keysat_http.views.product import (
    DeletedProduct,
    Product,
    ProductList,
    deleted_product_view,
    product_list_view,
    product_view,
)

_PATH: Final = "/v1/admin/products"
_TAGS: Final = ("products",)


class CatalogItem(msgspec.Struct, frozen=True, kw_only=True):
    """One entitlement a product may grant."""

    slug: str
    name: str
    description: str | None = None

    def entry(self) -> CatalogEntry:
        """Give the entry this describes."""
        return CatalogEntry(slug=self.slug, name=self.name, description=self.description or "")


class NewProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product to create. Send ``price_currency`` with ``price_value``, or ``price_sats`` alone."""

    slug: str
    name: str
    description: str = ""
    price_sats: WholeNumber | None = None
    price_currency: str | None = None
    price_value: WholeNumber | None = None
    metadata: JSONValue = None
    entitlements_catalog: list[CatalogItem] | None = None
    merchant_profile_id: str | None = None


class ProductPatch(msgspec.Struct, frozen=True, kw_only=True):
    """What to change. A null catalog or profile clears it; any other null leaves the field alone."""

    name: str | None = None
    description: str | None = None
    price_sats: WholeNumber | None = None
    price_currency: str | None = None
    price_value: WholeNumber | None = None
    entitlements_catalog: list[CatalogItem] | UnsetType | None = UNSET
    merchant_profile_id: str | UnsetType | None = UNSET


class ProductActivity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a product is on sale."""

    active: bool


class PolicyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Every policy of a product that is not archived, lowest tier first."""

    policy_ids: list[str]


@post(_PATH, raises=[TierCapReached, SlugTaken, NotFound], tags=_TAGS)
def create_product(
    data: JSONBody[NewProduct], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> Product:
    """Create a product; it is on sale at once."""
    profile_id = data.merchant_profile_id
    command = creating.CreateProduct(
        slug=data.slug,
        name=data.name,
        description=data.description,
        price=_price(data),
        metadata={} if data.metadata is None else data.metadata,
        entitlements_catalog=_entries(data.entitlements_catalog or ()),
        merchant_profile_id=None if profile_id is None else MerchantProfileId(profile_id),
    )
    product = creating.create_product(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
    )
    return product_view(product)


@get(_PATH, tags=_TAGS)
def list_products(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    include_inactive: FromQuery[Flag] = "false",
    limit: FromQuery[int] = PRODUCTS_MAX,
    offset: FromQuery[int] = 0,
) -> ProductList:
    """List products by name; those off sale only when asked for."""
    products = listing.list_products(
        actor, is_inactive_included=include_inactive == "true", store=ports.store
    )
    return product_list_view(page_of(products, limit=limit, offset=offset), total=len(products))


@get(_PATH + "/{product_id:str}", raises=[NotFound], tags=_TAGS)
def get_product(
    product_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> Product:
    """Show one product."""
    return product_view(listing.show_product(actor, ProductId(product_id), store=ports.store))


@patch(_PATH + "/{product_id:str}", raises=[NotFound], tags=_TAGS)
def update_product(
    data: JSONBody[ProductPatch],
    product_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Product:
    """Change a product; what is not sent stays."""
    profile_id = data.merchant_profile_id
    catalog = data.entitlements_catalog
    command = updating.UpdateProduct(
        product_id=ProductId(product_id),
        name=UNSET if data.name is None else data.name,
        description=UNSET if data.description is None else data.description,
        price=_price(data),
        entitlements_catalog=UNSET if catalog is UNSET else _entries(catalog or ()),
        merchant_profile_id=(
            MerchantProfileId(profile_id) if isinstance(profile_id, str) else profile_id
        ),
    )
    return product_view(_update(actor, command, ports))


@patch(_PATH + "/{product_id:str}/active", raises=[NotFound], tags=_TAGS)
def set_product_active(
    data: JSONBody[ProductActivity],
    product_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Done:
    """Take a product on or off sale; its licenses keep validating."""
    _update(
        actor,
        updating.UpdateProduct(product_id=ProductId(product_id), active=data.active),
        ports,
    )
    return DONE


@put(_PATH + "/{product_id:str}/policy-order", raises=[NotFound], tags=_TAGS)
def set_policy_order(
    data: JSONBody[PolicyOrder],
    product_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> PolicyList:
    """Give the policies the ranks 1, 2, 3 and so on in the order sent."""
    command = OrderPolicies(
        product_id=ProductId(product_id),
        policy_ids=tuple(PolicyId(policy_id) for policy_id in data.policy_ids),
    )
    policies = order_policies(actor, command, store=ports.store, clock=ports.clock, ids=ports.ids)
    return policy_list_view(policies, total=len(policies))


@delete(
    _PATH + "/{product_id:str}", raises=[NotFound, StillReferenced], tags=_TAGS, **REHEARSABLE_ROUTE
)
def delete_product(
    product_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    force: FromQuery[Flag] = "false",
) -> DeletedProduct:
    """Delete a product with its policies; with ``force`` also everything sold of it."""
    is_forced = force == "true"
    deletion = deleting.delete_product(
        actor,
        deleting.DeleteProduct(product_id=ProductId(product_id), is_forced=is_forced),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return deleted_product_view(deletion, is_forced=is_forced)


def _price(data: NewProduct | ProductPatch) -> PriceInput:
    return PriceInput(
        price_currency=data.price_currency,
        price_value=data.price_value,
        price_sats=data.price_sats,
    )


def _update(actor: Actor, command: updating.UpdateProduct, ports: Ports) -> DomainProduct:
    return updating.update_product(
        actor, command, store=ports.store, clock=ports.clock, ids=ports.ids
    )


def _entries(items: Iterable[CatalogItem]) -> tuple[CatalogEntry, ...]:
    return tuple(item.entry() for item in items)
