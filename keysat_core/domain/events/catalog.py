"""Events about what is sold: products and their tiers."""

import msgspec

from keysat_core.domain.document import JSONValue
from keysat_core.domain.events.event import Event
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product


class ProductCreated(Event, frozen=True, kw_only=True):
    """An operator created a product."""

    event_type = "product.created"
    product: dict[str, JSONValue]


class ProductUpdated(Event, frozen=True, kw_only=True):
    """An operator changed a product or took it on or off sale."""

    event_type = "product.updated"
    is_published = False
    product_id: str
    fields: tuple[str, ...]


class ProductDeleted(Event, frozen=True, kw_only=True):
    """An operator deleted a product and what depended on it."""

    event_type = "product.deleted"
    is_published = False
    product_id: str
    slug: str


class PolicyCreated(Event, frozen=True, kw_only=True):
    """An operator created a tier."""

    event_type = "policy.created"
    is_published = False
    policy_id: str
    product_id: str
    slug: str


class PolicyUpdated(Event, frozen=True, kw_only=True):
    """An operator changed, archived, hid or reordered a tier."""

    event_type = "policy.updated"
    is_published = False
    policy_id: str
    product_id: str
    fields: tuple[str, ...]


class PolicyDeleted(Event, frozen=True, kw_only=True):
    """An operator deleted a tier and what depended on it."""

    event_type = "policy.deleted"
    is_published = False
    policy_id: str
    product_id: str
    slug: str


def product_created(product: Product) -> ProductCreated:
    """Describe a new product in the published shape of Product (admin-api 2.1)."""
    catalog = [msgspec.to_builtins(entry) for entry in product.entitlements_catalog]
    return ProductCreated(
        product={
            "id": product.id,
            "slug": product.slug,
            "name": product.name,
            "description": product.description,
            "price_sats": product.price_sats,
            "price_currency": str(product.price.currency),
            "price_value": product.price.amount,
            "active": product.active,
            "metadata": product.metadata,
            "entitlements_catalog": catalog or None,
            "merchant_profile_id": product.merchant_profile_id,
            "created_at": rfc3339(product.created_at),
            "updated_at": rfc3339(product.updated_at),
        }
    )


def policy_updated(policy: Policy, *fields: str) -> PolicyUpdated:
    """Describe a changed tier by the names of the fields that were sent."""
    return PolicyUpdated(policy_id=policy.id, product_id=policy.product_id, fields=fields)
