"""Subscriptions and their cycles. Source: admin-api 7, Subscriptions."""

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import SubscriptionId
from keysat_core.domain.listing import SubscriptionFilter
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.use_cases.products.list_products import list_products, show_product
from keysat_core.use_cases.subscriptions.list_subscriptions import (
    list_subscriptions,
    show_subscription,
)
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.licenses import member
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS, Rows, offset_of
from keysat_http.pages.offers import CADENCES


@screen("/admin/subscriptions", needs=Scope.SUBSCRIPTIONS_READ)
def show_subscriptions(frame: NamedDependency[Frame]) -> Response[str]:
    """List subscriptions by product and status."""
    store, query = frame.ports.store, frame.query
    products = list_products(frame.actor, is_inactive_included=True, store=store)
    chosen = next((one for one in products if one.slug == query.get("product")), None)
    status = member(SubscriptionStatus, query.get("status", ""))
    product_id = chosen.id if chosen else None
    offset = offset_of(query)

    def count(**more: object) -> int:
        asked = SubscriptionFilter(limit=1, **more)  # type: ignore[arg-type]  # its own fields
        return list_subscriptions(frame.actor, asked, store=store).total

    page = list_subscriptions(
        frame.actor,
        SubscriptionFilter(product_id=product_id, status=status, limit=SHOWN_ROWS, offset=offset),
        store=store,
    )
    return frame.page(
        "admin/subscriptions.html",
        listed=Rows(rows=page.subscriptions, offset=offset, limit=SHOWN_ROWS, total=page.total),
        products={product.id: product for product in products},
        chosen=chosen,
        status=status,
        by_product={product.id: count(product_id=product.id) for product in products[:20]},
        by_status={one: count(product_id=product_id, status=one) for one in SubscriptionStatus},
        cadences=CADENCES,
    )


@screen("/admin/subscriptions/{subscription_id:str}", needs=Scope.SUBSCRIPTIONS_READ)
def show_subscription_screen(
    subscription_id: FromPath[str], frame: NamedDependency[Frame]
) -> Response[str]:
    """Show one subscription with its cycles."""
    store = frame.ports.store
    shown = show_subscription(frame.actor, SubscriptionId(subscription_id), store=store)
    return frame.page(
        "admin/subscription.html",
        subscription=shown.subscription,
        cycles=shown.cycles,
        product=show_product(frame.actor, shown.subscription.product_id, store=store),
        cadences=CADENCES,
    )
