"""Subscriptions, as operators see and cancel them. Source: admin-api 2.10, B-10, B-27."""

from typing import Final

from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import LicenseId, ProductId, SubscriptionId
from keysat_core.domain.listing import SubscriptionFilter
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.errors import NotFound
from keysat_core.limits import SUBSCRIPTIONS_PAGE_DEFAULT, SUBSCRIPTIONS_PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.subscriptions import cancel_subscription as cancelling
from keysat_core.use_cases.subscriptions import list_subscriptions as listing
from keysat_http.admin.paging import clamp_limit, clamp_offset
from keysat_http.admin.reason import Why
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import get, post
from keysat_http.views.subscription import (
    SubscriptionCancellation,
    SubscriptionDetail,
    SubscriptionList,
    subscription_cancellation_view,
    subscription_detail_view,
    subscription_list_view,
)

_PATH: Final = "/v1/admin/subscriptions"
_TAGS: Final = ("subscriptions",)


@get(_PATH, tags=_TAGS)
def list_subscriptions(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    status: FromQuery[SubscriptionStatus | None] = None,
    product_id: FromQuery[str] = "",
    license_id: FromQuery[str] = "",
    limit: FromQuery[int] = SUBSCRIPTIONS_PAGE_DEFAULT,
    offset: FromQuery[int] = 0,
) -> SubscriptionList:
    """List subscriptions, newest first; every filter given must match."""
    criteria = SubscriptionFilter(
        status=status,
        product_id=ProductId(product_id) if product_id else None,
        license_id=LicenseId(license_id) if license_id else None,
        limit=clamp_limit(limit, SUBSCRIPTIONS_PAGE_MAX),
        offset=clamp_offset(offset),
    )
    page = listing.list_subscriptions(actor, criteria, store=ports.store)
    return subscription_list_view(page, criteria)


@get(_PATH + "/{subscription_id:str}", raises=[NotFound], tags=_TAGS)
def get_subscription(
    subscription_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> SubscriptionDetail:
    """Show one subscription with its latest cycles."""
    shown = listing.show_subscription(actor, SubscriptionId(subscription_id), store=ports.store)
    return subscription_detail_view(shown)


@post(_PATH + "/{subscription_id:str}/cancel", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def cancel_subscription(
    *,
    data: JSONBody[Why | None] = None,
    subscription_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> SubscriptionCancellation:
    """Bill nobody for it any more; its license stays valid until it expires."""
    done = cancelling.cancel_subscription(
        actor,
        SubscriptionId(subscription_id),
        reason=data.reason if data is not None else None,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return subscription_cancellation_view(done)
