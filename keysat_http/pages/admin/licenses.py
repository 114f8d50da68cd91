"""Licenses, newest first, and how more are issued. Source: admin-api 7, Licenses."""

from dataclasses import dataclass
from typing import Final, TypeVar

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import LicenseFilter, LicenseRow
from keysat_core.domain.product import Product
from keysat_core.use_cases.licenses.list_licenses import (
    count_expiring,
    count_licenses,
    list_licenses,
    summarize_licenses,
)
from keysat_core.use_cases.products.list_products import list_products
from keysat_http.pages.admin.codes import tiers_of
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS, Rows, offset_of
from keysat_http.pages.offers import Feature, entitlement_feature

HIDE_REVOKED: Final = "hide"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A license as a row."""

    row: LicenseRow
    product: Product | None
    grants: list[Feature]


@screen("/admin/licenses", needs=Scope.LICENSES_READ)
def show_licenses(frame: NamedDependency[Frame]) -> Response[str]:
    """List licenses by product, status and buyer."""
    store, query = frame.ports.store, frame.query
    products = list_products(frame.actor, is_inactive_included=True, store=store)
    chosen = next((one for one in products if one.slug == query.get("product")), None)
    status = member(LicenseStatus, query.get("status", ""))
    if status is None and query.get("revoked") == HIDE_REVOKED:
        status = LicenseStatus.ACTIVE
    offset = offset_of(query)
    criteria = LicenseFilter(
        product_id=chosen.id if chosen else None,
        status=status,
        buyer_email=query.get("email", "").strip() or None,
        invoice_id=query.get("invoice", "").strip() or None,
        nostr_npub=query.get("npub", "").strip() or None,
        limit=SHOWN_ROWS,
        offset=offset,
    )
    page = list_licenses(frame.actor, criteria, store=store)
    by_id = {product.id: product for product in products}
    return frame.page(
        "admin/licenses.html",
        listed=Rows(
            rows=[_line(row, by_id.get(row.license.product_id)) for row in page.rows],
            offset=offset,
            limit=SHOWN_ROWS,
            total=page.total.number,
            is_exact=page.total.is_exact,
        ),
        products=products,
        chosen=chosen,
        statuses=list(LicenseStatus),
        counts=count_licenses(frame.actor, store=store).by_product,
        summary=summarize_licenses(frame.actor, store=store, clock=frame.ports.clock),
        expiring=count_expiring(frame.actor, store=store, clock=frame.ports.clock),
        tiers={product.slug: tiers_of(frame, product) for product in products if product.active},
    )


def member(kind: type[T], text: str) -> T | None:
    """Read a word of a closed list from an address; any other word filters nothing."""
    try:
        return kind(text)  # type: ignore[call-arg]  # an enumeration is called with a value
    except ValueError:
        return None


def _line(row: LicenseRow, product: Product | None) -> Line:
    catalog = {entry.slug: entry for entry in product.entitlements_catalog} if product else {}
    grants = [entitlement_feature(slug, catalog) for slug in row.license.entitlements]
    return Line(row=row, product=product, grants=grants)
