"""Products, and the catalogs of what they may grant."""

from functools import cache
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.entitlement import Catalog, CatalogEntry
from keysat_core.domain.ids import ProductId
from keysat_core.domain.product import Product
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.money import money
from keysat_core.testing.strategies.text import documents, names, slugs, texts

_ENTITLEMENT: Final = r"[a-z0-9_]{1,20}"


@cache
def entitlements() -> SearchStrategy[tuple[str, ...]]:
    """What a policy or license grants, each at most once."""
    slug = st.from_regex(_ENTITLEMENT, fullmatch=True)
    return st.lists(slug, max_size=5, unique=True).map(tuple)


def catalog_entries(**fixed: Any) -> SearchStrategy[CatalogEntry]:
    """Entitlements as a catalog lists them."""
    return built(
        CatalogEntry,
        fixed,
        slug=st.from_regex(_ENTITLEMENT, fullmatch=True),
        name=texts(),
        description=texts(),
    )


@cache
def catalogs() -> SearchStrategy[Catalog]:
    """A product's catalog of entitlements."""
    return st.lists(catalog_entries(), max_size=4, unique_by=lambda each: each.slug).map(tuple)


def products(**fixed: Any) -> SearchStrategy[Product]:
    """Products of the default merchant profile."""
    return built(
        Product,
        fixed,
        id=ids().map(ProductId),
        slug=slugs(),
        name=names(),
        description=texts(),
        price=money(),
        active=st.booleans(),
        metadata=documents(),
        entitlements_catalog=catalogs(),
        created_at=instants(),
        updated_at=instants(),
    )
