"""Machines: which installations hold seats. Source: admin-api 7, Machines."""

from collections import Counter

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.listing import MachineFilter
from keysat_core.use_cases.machines.list_machines import list_machines
from keysat_core.use_cases.products.list_products import list_products
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS, Rows, offset_of

ALL = "all"
GONE = "deactivated"


@screen("/admin/machines", needs=Scope.MACHINES_READ)
def show_machines(frame: NamedDependency[Frame]) -> Response[str]:
    """List machines by product, license and whether they hold a seat."""
    store, query, beats = frame.ports.store, frame.query, frame.ports.heartbeats
    products = list_products(frame.actor, is_inactive_included=True, store=store)
    chosen = next((one for one in products if one.slug == query.get("product")), None)
    state = query.get("status", "active")
    license_id = query.get("license", "").strip()
    offset = offset_of(query)
    criteria = MachineFilter(
        product_id=chosen.id if chosen else None,
        license_id=LicenseId(license_id) if license_id else None,
        is_inactive_included=state in {ALL, GONE},
        limit=SHOWN_ROWS,
        offset=offset,
    )
    page = list_machines(frame.actor, criteria, store=store, heartbeats=beats)
    every = list_machines(
        frame.actor,
        MachineFilter(
            product_id=criteria.product_id,
            license_id=criteria.license_id,
            is_inactive_included=True,
            limit=1,
        ),
        store=store,
        heartbeats=beats,
    )
    live = list_machines(
        frame.actor,
        MachineFilter(product_id=criteria.product_id, license_id=criteria.license_id, limit=1),
        store=store,
        heartbeats=beats,
    )
    rows = [row for row in page.rows if state != GONE or not row.machine.active]
    platforms = Counter(row.machine.platform for row in page.rows if row.machine.platform)
    return frame.page(
        "admin/machines.html",
        listed=Rows(
            rows=rows,
            offset=offset,
            limit=SHOWN_ROWS,
            total=page.total.number,
            is_exact=page.total.is_exact,
        ),
        products=products,
        chosen=chosen,
        license_id=license_id,
        state=state,
        total=every.total.number,
        live=live.total.number,
        top_platform=next(iter(platforms.most_common(1)), None),
    )
