"""One product. Source: admin-api 7, Products."""

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import ProductId
from keysat_core.use_cases.licenses.list_licenses import count_licenses
from keysat_core.use_cases.merchants.list_profiles import list_profiles
from keysat_core.use_cases.policies.list_policies import ListPolicies, list_policies
from keysat_core.use_cases.products.list_products import show_product
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen


@screen("/admin/products/{product_id:str}", needs=Scope.PRODUCTS_READ)
def show_product_screen(product_id: FromPath[str], frame: NamedDependency[Frame]) -> Response[str]:
    """Show one product: what can be changed, its tiers, and what hangs on it."""
    store = frame.ports.store
    product = show_product(frame.actor, ProductId(product_id), store=store)
    question = ListPolicies(
        product_slug=product.slug, is_inactive_included=True, is_archived_included=True
    )
    counts = count_licenses(frame.actor, store=store)
    return frame.page(
        "admin/product.html",
        product=product,
        policies=list_policies(frame.actor, question, store=store),
        by_policy=counts.by_policy,
        license_count=counts.by_product.get(product.id, 0),
        profiles=[owned.profile for owned in list_profiles(frame.actor, store=store)],
        tiers_path=f"/admin/policies?product={product.slug}",
    )
