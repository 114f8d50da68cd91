"""Create a product."""

from collections.abc import Sequence

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import CatalogEntry, checked_catalog
from keysat_core.domain.events import outbox_event, product_created
from keysat_core.domain.ids import EventId, MerchantProfileId, ProductId
from keysat_core.domain.product import PriceInput, Product, read_new_price
from keysat_core.domain.self_license import SelfLicense, refuse_beyond_cap
from keysat_core.domain.text import checked_slug
from keysat_core.errors import NotFound, SlugTaken
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class CreateProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A new product. ``merchant_profile_id`` None means the default profile."""

    slug: str
    name: str
    description: str = ""
    price: PriceInput
    metadata: JSONValue = msgspec.field(default_factory=dict)
    entitlements_catalog: Sequence[CatalogEntry] = ()
    merchant_profile_id: MerchantProfileId | None = None


def create_product(
    actor: Actor,
    command: CreateProduct,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
) -> Product:
    """Store a new, active product.

    Source: admin-api 2.4; order of checks: scope, cap, price, fields, slug, profile (B-23).

    Raises:
        Forbidden: the actor lacks ``products:write``.
        TierCapReached: the operator's tier allows no more products.
        InvariantError: a field breaks a rule.
        SlugTaken: another product has the slug.
        NotFound: the merchant profile does not exist.
    """
    authorize(actor, Scope.PRODUCTS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        refuse_beyond_cap(
            self_license,
            noun="products",
            cap=self_license.products_cap,
            count=tx.products.count_products(),
        )
        product = Product(
            price=read_new_price(command.price),
            id=ProductId(ids.new()),
            slug=checked_slug(command.slug),
            name=command.name,
            description=command.description,
            metadata=command.metadata,
            entitlements_catalog=checked_catalog(command.entitlements_catalog),
            merchant_profile_id=command.merchant_profile_id,
            created_at=now,
            updated_at=now,
        )
        if tx.products.find_product_by_slug(product.slug) is not None:
            raise SlugTaken("product", product.slug)
        profile_id = product.merchant_profile_id
        if profile_id is not None and tx.merchants.find_profile(profile_id) is None:
            raise NotFound("merchant profile", profile_id)
        tx.products.put_product(product)
        tx.trail.append_audit(
            audited(
                actor,
                "product.create",
                now,
                target=("product", product.id),
                slug=product.slug,
                name=product.name,
                price_sats=product.price_sats,
                price_currency=str(product.price.currency),
                price_value=product.price.amount,
            )
        )
        tx.trail.append_event(
            outbox_event(product_created(product), event_id=EventId(ids.new()), now=now)
        )
    return product
