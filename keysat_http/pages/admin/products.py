"""The products, as a list; each has a screen of its own. Source: admin-api 7, Products."""

from dataclasses import dataclass
from typing import Final

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.product import Product
from keysat_core.use_cases.licenses.list_licenses import count_licenses
from keysat_core.use_cases.merchants.list_profiles import list_profiles
from keysat_core.use_cases.products.list_products import list_products
from keysat_http.pages.admin.caps import cap_of
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import arranged

PATH: Final = "/admin/products"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A product and how many licenses it has."""

    product: Product
    license_count: int


@screen(PATH, needs=Scope.PRODUCTS_READ)
def show_products(frame: NamedDependency[Frame]) -> Response[str]:
    """List the products, those off sale too."""
    store = frame.ports.store
    products = list_products(frame.actor, is_inactive_included=True, store=store)
    counts = count_licenses(frame.actor, store=store).by_product
    lines = [Line(product=product, license_count=counts.get(product.id, 0)) for product in products]
    listed = arranged(
        lines,
        frame.query,
        keys={
            "slug": lambda line: line.product.slug,
            "name": lambda line: line.product.name.casefold(),
            "price": lambda line: (line.product.price.currency, line.product.price.amount),
            "licenses": lambda line: line.license_count,
            "created": lambda line: line.product.created_at,
        },
        words=lambda line: (line.product.slug, line.product.name),
    )
    return frame.page(
        "admin/products.html",
        listed=listed,
        cap=cap_of(frame.tier.usage.products, frame.tier.caps.products),
        profiles=[owned.profile for owned in list_profiles(frame.actor, store=store)],
    )
