"""What is for sale. Source: public-api 5."""

from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.errors import NotFound
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.products.list_products import (
    list_catalog,
    list_tiers,
    show_catalog_product,
)
from keysat_http.routes import get
from keysat_http.views.product import (
    Product,
    ProductList,
    TierList,
    product_list_view,
    product_view,
    tier_list_view,
)


@get("/v1/products", tags=["catalog"])
def list_catalog_products(ports: NamedDependency[Ports]) -> ProductList:
    """List the products on sale, by name."""
    return product_list_view(list_catalog(store=ports.store))


@get("/v1/products/{slug:str}", is_inline=True, raises=[NotFound], tags=["catalog"])
def get_catalog_product(slug: FromPath[str], ports: NamedDependency[Ports]) -> Product:
    """Show one product, also when it is no longer on sale."""
    return product_view(show_catalog_product(slug, store=ports.store))


@get("/v1/products/{slug:str}/policies", raises=[NotFound], tags=["catalog"])
def list_product_tiers(slug: FromPath[str], ports: NamedDependency[Ports]) -> TierList:
    """List the tiers buyers may choose, cheapest first."""
    return tier_list_view(list_tiers(slug, store=ports.store, clock=ports.clock, rates=ports.rates))
