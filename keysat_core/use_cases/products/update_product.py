"""Change a product, or take it on or off sale."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited, before_and_after
from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import CatalogEntry, checked_catalog
from keysat_core.domain.events import ProductUpdated, outbox_event
from keysat_core.domain.ids import EventId, MerchantProfileId, ProductId
from keysat_core.domain.money import Currency
from keysat_core.domain.product import PriceInput, Product, read_price
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class UpdateProduct(msgspec.Struct, frozen=True, kw_only=True):
    """Fields to change; what is UNSET stays. None clears the catalog or picks the default profile."""

    product_id: ProductId
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    metadata: JSONValue | UnsetType = UNSET
    price: PriceInput = PriceInput()
    entitlements_catalog: Sequence[CatalogEntry] | UnsetType | None = UNSET
    merchant_profile_id: MerchantProfileId | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


def update_product(
    actor: Actor, command: UpdateProduct, *, store: Store, clock: Clock, ids: Ids
) -> Product:
    """Store a changed product. An empty change is answered with the product as it is.

    Raises:
        Forbidden: the actor lacks ``products:write``.
        NotFound: no such product or merchant profile.
        InvariantError: a field breaks a rule.
    """
    authorize(actor, Scope.PRODUCTS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        product = tx.products.get_product(command.product_id)
        changes = _changes(product, command)
        if not changes:
            return product
        profile_id = command.merchant_profile_id
        if isinstance(profile_id, str) and tx.merchants.find_profile(profile_id) is None:
            raise NotFound("merchant profile", profile_id)
        before = product
        product = msgspec.structs.replace(before, updated_at=now, **changes)
        tx.products.put_product(product)
        only_active = set(changes) == {"active"}
        action = "product.set_active" if only_active else "product.update"
        details: dict[str, JSONValue] = {
            key: msgspec.to_builtins(value) for key, value in changes.items() if key != "metadata"
        }
        if product.price != before.price and product.price.currency is Currency.SAT:
            details["price_sats"] = product.price.amount
        if not only_active:
            details |= before_and_after(before, product, changes)
        tx.trail.append_audit(
            audited(actor, action, now, target=("product", product.id), **details)
        )
        event = ProductUpdated(product_id=product.id, fields=tuple(changes))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return product


def _changes(product: Product, command: UpdateProduct) -> dict[str, JSONValue]:
    changes: dict[str, JSONValue] = {
        field: value
        for field in ("name", "description", "metadata", "merchant_profile_id", "active")
        if (value := getattr(command, field)) is not UNSET
    }
    price = read_price(command.price)
    if price is not None:
        changes["price"] = price
    if command.entitlements_catalog is not UNSET:
        changes["entitlements_catalog"] = checked_catalog(
            command.entitlements_catalog or (), present=product.entitlements_catalog
        )
    return {field: value for field, value in changes.items() if value != getattr(product, field)}
