"""Tips that sales caused, and the most they may come to. Source: admin-api 2.5, payments 13."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import LicenseId, PolicyId
from keysat_core.domain.tip import TipFilter
from keysat_core.limits import TIPS_PAGE_DEFAULT, TIPS_PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.settings import cap_tips, find_tips_cap
from keysat_core.use_cases.tips import list_tips as listing
from keysat_http.admin.paging import clamp_limit, clamp_offset
from keysat_http.bodies import WholeNumber
from keysat_http.routes import get, put
from keysat_http.views.tip import TipList, TipsCap, tip_list_view

_CAP: Final = "/v1/admin/tips/cap"


class TipsCapChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The most that is tipped within 24 hours, in sats: 0 stops tips, null lifts the cap."""

    tips_daily_cap_sats: WholeNumber | None


@get("/v1/admin/tips", tags=["policies"])
def list_tips(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    license_id: FromQuery[str] = "",
    policy_id: FromQuery[str] = "",
    recipient: FromQuery[str] = "",
    limit: FromQuery[int] = TIPS_PAGE_DEFAULT,
    offset: FromQuery[int] = 0,
) -> TipList:
    """List tips, newest first; every filter given must match."""
    criteria = TipFilter(
        license_id=LicenseId(license_id) if license_id else None,
        policy_id=PolicyId(policy_id) if policy_id else None,
        recipient=recipient.strip() or None,
        limit=clamp_limit(limit, TIPS_PAGE_MAX),
        offset=clamp_offset(offset),
    )
    return tip_list_view(listing.list_tips(actor, criteria, store=ports.store))


@get(_CAP, tags=["policies"])
def get_tips_cap(actor: NamedDependency[Actor], ports: NamedDependency[Ports]) -> TipsCap:
    """Show the most that is tipped within 24 hours."""
    return TipsCap(tips_daily_cap_sats=find_tips_cap(actor, store=ports.store))


@put(_CAP, tags=["policies"])
def put_tips_cap(
    data: JSONBody[TipsCapChoice], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> TipsCap:
    """Limit what is tipped within 24 hours."""
    sats = data.tips_daily_cap_sats
    cap_tips(actor, sats, store=ports.store, clock=ports.clock, ids=ports.ids)
    return TipsCap(tips_daily_cap_sats=sats)
