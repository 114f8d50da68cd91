"""``keysat product``: what is sold."""

from collections.abc import Sequence
from typing import Final

import click
import msgspec

from keysat_cli.groups import NounGroup
from keysat_cli.options import (
    CURRENCY,
    JSON_TEXT,
    confirm,
    dry_run_option,
    force_option,
    yes_option,
)
from keysat_cli.output import emit, facts, listing, money_text, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import CatalogEntry
from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.money import Currency
from keysat_core.domain.product import PriceInput, Product
from keysat_core.errors import InvariantError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.products.delete_product import DeleteProduct, delete_product
from keysat_core.use_cases.products.list_products import (
    find_product_id,
    list_products,
    show_product,
)
from keysat_core.use_cases.products.update_product import UpdateProduct, update_product
from keysat_http.views.product import deleted_product_view, product_list_view, product_view

HEADINGS: Final = ("slug", "name", "price", "active", "id")

slug_argument = click.argument("slug", metavar="PRODUCT")
description_option = click.option(
    "--description", metavar="TEXT", help="What buyers read below the name."
)
metadata_option = click.option(
    "--metadata", type=JSON_TEXT, help="A JSON document buyers can read."
)
catalog_option = click.option(
    "--catalog",
    type=JSON_TEXT,
    help='The entitlements it can grant: [{"slug": "pro", "name": "Pro"}, …].',
)
profile_option = click.option(
    "--profile",
    "profile_id",
    metavar="PROFILE_ID",
    help="The merchant profile that is paid for it; the default one otherwise.",
)
value_option = click.option(
    "--price-value", type=int, metavar="N", help="The price: sats, or cents for USD and EUR."
)


@click.group(cls=NounGroup)
def product() -> None:
    """Manage what is sold."""


@product.command()
@slug_argument
@click.option("--name", required=True, metavar="TEXT", help="What buyers see.")
@value_option
@click.option(
    "--price-currency",
    type=CURRENCY,
    default=str(Currency.SAT),
    show_default=True,
    help="What the price is in.",
)
@description_option
@catalog_option
@metadata_option
@profile_option
def create(
    slug: str,
    *,
    name: str,
    price_value: int | None,
    price_currency: str,
    description: str | None,
    catalog: JSONValue,
    metadata: JSONValue,
    profile_id: str | None,
) -> None:
    """Create a product. PRODUCT is its slug, which never changes."""
    price = PriceInput()
    if price_value is not None:
        price = PriceInput(price_currency=price_currency, price_value=price_value)
    command = CreateProduct(
        slug=slug,
        name=name,
        description=description or "",
        price=price,
        metadata={} if metadata is None else metadata,
        entitlements_catalog=() if catalog is None else _catalog(catalog),
        merchant_profile_id=None if profile_id is None else MerchantProfileId(profile_id),
    )
    with open_shop(is_creating=True) as ports:
        created = create_product(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
        )
    emit(product_view(created), _lines(created))


@product.command("list")
@click.option("--all", "is_inactive_included", is_flag=True, help="List inactive ones too.")
def list_(*, is_inactive_included: bool) -> None:
    """List products by name."""
    with open_shop() as ports:
        products = list_products(
            OPERATOR, is_inactive_included=is_inactive_included, store=ports.store
        )
    rows = [(p.slug, p.name, p.price, p.active, p.id) for p in products]
    emit(product_list_view(products, total=len(products)), listing(HEADINGS, rows, noun="products"))


@product.command()
@slug_argument
def show(slug: str) -> None:
    """Show a product."""
    with open_shop() as ports:
        found = _find(ports, slug)
    emit(product_view(found), _lines(found))


@product.command()
@slug_argument
@click.option("--name", metavar="TEXT", help="What buyers see.")
@value_option
@click.option("--price-currency", type=CURRENCY, help="Only together with --price-value.")
@description_option
@catalog_option
@click.option("--no-catalog", is_flag=True, help="Let any entitlement be granted.")
@metadata_option
@profile_option
@click.option("--no-profile", is_flag=True, help="Go back to the default merchant profile.")
def update(
    slug: str,
    *,
    name: str | None,
    price_value: int | None,
    price_currency: str | None,
    description: str | None,
    catalog: JSONValue,
    no_catalog: bool,
    metadata: JSONValue,
    profile_id: str | None,
    no_profile: bool,
) -> None:
    """Change a product; what is not named stays. Licenses already issued are not touched."""
    if no_catalog and catalog is not None:
        raise click.UsageError("choose one of --catalog and --no-catalog")
    if no_profile and profile_id is not None:
        raise click.UsageError("choose one of --profile and --no-profile")
    given = {"name": name, "description": description, "metadata": metadata}
    changes: dict[str, object] = {field: it for field, it in given.items() if it is not None}
    if no_profile or profile_id is not None:
        changes["merchant_profile_id"] = profile_id
    if no_catalog or catalog is not None:
        changes["entitlements_catalog"] = () if no_catalog else _catalog(catalog)
    with open_shop() as ports:
        found = _find(ports, slug)
        if price_value is not None or price_currency is not None:
            changes["price"] = PriceInput(
                price_currency=price_currency or str(found.price.currency), price_value=price_value
            )
        changed = _update(ports, found, changes)
    emit(product_view(changed), _lines(changed))


@product.command()
@slug_argument
def activate(slug: str) -> None:
    """Put a product on sale."""
    _set_active(slug, is_active=True)


@product.command()
@slug_argument
def deactivate(slug: str) -> None:
    """Take a product off sale; its licenses keep validating."""
    _set_active(slug, is_active=False)


@product.command()
@slug_argument
@force_option("its licenses, machines and invoices")
@yes_option
@dry_run_option
def delete(slug: str, *, is_forced: bool, is_yes: bool) -> None:
    """Delete a product and its policies."""
    with open_shop() as ports:
        found = _find(ports, slug)
        what = " and everything ever sold of it" if is_forced else ""
        confirm(f"Delete product {found.slug!r}{what}?", is_yes=is_yes)
        deletion = delete_product(
            OPERATOR,
            DeleteProduct(product_id=found.id, is_forced=is_forced),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    view = deleted_product_view(deletion, is_forced=is_forced)
    counts = deletion.counts
    gone = (
        f"Deleted product {deletion.slug}: {counts.policies} policies, {counts.licenses} licenses, "
        f"{counts.machines} machines, {counts.invoices} invoices."
    )
    emit(view, [gone])


def _find(ports: Ports, slug: str) -> Product:
    product_id = find_product_id(OPERATOR, slug, store=ports.store)
    return show_product(OPERATOR, product_id, store=ports.store)


def _set_active(slug: str, *, is_active: bool) -> None:
    with open_shop() as ports:
        changed = _update(ports, _find(ports, slug), {"active": is_active})
    emit(product_view(changed), _lines(changed))


def _update(ports: Ports, found: Product, changes: dict[str, object]) -> Product:
    command = msgspec.structs.replace(UpdateProduct(product_id=found.id), **changes)
    return update_product(OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids)


def _catalog(document: JSONValue) -> Sequence[CatalogEntry]:
    try:
        return msgspec.convert(document, tuple[CatalogEntry, ...])
    except msgspec.ValidationError as exc:
        raise InvariantError("entitlements_catalog", str(exc)) from exc


def _lines(found: Product) -> list[str]:
    entries = [entry.slug for entry in found.entitlements_catalog]
    return facts(
        (
            ("slug", found.slug),
            ("name", found.name),
            ("description", found.description),
            ("price", money_text(found.price)),
            ("active", found.active),
            ("catalog", entries),
            ("metadata", found.metadata or None),
            ("profile", found.merchant_profile_id),
            ("created at", time_text(found.created_at)),
            ("updated at", time_text(found.updated_at)),
            ("id", found.id),
        )
    )
