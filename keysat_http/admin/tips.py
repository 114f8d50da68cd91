"""Tips that sales caused. Source: admin-api 2.5."""

from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.tip import TipFilter
from keysat_core.limits import TIPS_PAGE_DEFAULT, TIPS_PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.tips import list_tips as listing
from keysat_http.admin.paging import clamp_limit, clamp_offset
from keysat_http.routes import get
from keysat_http.views.tip import TipList, tip_list_view


@get("/v1/admin/tips", tags=["policies"])
def list_tips(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    license_id: FromQuery[str] = "",
    recipient: FromQuery[str] = "",
    limit: FromQuery[int] = TIPS_PAGE_DEFAULT,
    offset: FromQuery[int] = 0,
) -> TipList:
    """List tips, newest first; every filter given must match."""
    criteria = TipFilter(
        license_id=LicenseId(license_id) if license_id else None,
        recipient=recipient.strip() or None,
        limit=clamp_limit(limit, TIPS_PAGE_MAX),
        offset=clamp_offset(offset),
    )
    return tip_list_view(listing.list_tips(actor, criteria, store=ports.store))
