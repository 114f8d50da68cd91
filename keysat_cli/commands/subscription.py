"""``keysat subscription``: what is billed cycle after cycle."""

from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, page_options, yes_option
from keysat_cli.output import emit, facts, listing, note, table, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.ids import LicenseId, ProductId, SubscriptionId
from keysat_core.domain.listing import SubscriptionFilter
from keysat_core.domain.subscription import LIVE, Subscription, SubscriptionStatus
from keysat_core.limits import SUBSCRIPTIONS_PAGE_DEFAULT
from keysat_core.use_cases.subscriptions.cancel_subscription import cancel_subscription
from keysat_core.use_cases.subscriptions.list_subscriptions import (
    ShownSubscription,
    list_subscriptions,
    show_subscription,
)
from keysat_http.views.subscription import (
    subscription_cancellation_view,
    subscription_detail_view,
    subscription_list_view,
)

HEADINGS: Final = (
    "id", "status", "license id", "price", "days", "next renewal at", "failures", "started at",
)  # fmt: skip
CYCLE_HEADINGS: Final = ("cycle", "invoice", "from", "to", "paid at", "superseded at")

id_argument = click.argument("subscription_id", metavar="SUBSCRIPTION_ID")


@click.group(cls=NounGroup)
def subscription() -> None:
    """See and cancel subscriptions."""


@subscription.command("list")
@click.option(
    "--status",
    type=click.Choice([str(status) for status in SubscriptionStatus]),
    help="Only those that stand so.",
)
@click.option(
    "--product", "product_id", metavar="PRODUCT_ID", help="Only those of a product, by its id."
)
@click.option("--license", "license_id", metavar="LICENSE_ID", help="Only that of a license.")
@page_options(SUBSCRIPTIONS_PAGE_DEFAULT)
def list_(
    *,
    status: str | None,
    product_id: str | None,
    license_id: str | None,
    limit: int,
    offset: int,
) -> None:
    """List subscriptions, newest first; every option given must match."""
    criteria = SubscriptionFilter(
        status=SubscriptionStatus(status) if status else None,
        product_id=None if product_id is None else ProductId(product_id),
        license_id=None if license_id is None else LicenseId(license_id),
        limit=limit,
        offset=offset,
    )
    with open_shop() as ports:
        page = list_subscriptions(OPERATOR, criteria, store=ports.store)
    cells = [
        (
            one.id,
            one.status,
            one.license_id,
            one.listed,
            one.period_days,
            time_text(one.next_renewal_at),
            one.consecutive_failures,
            time_text(one.started_at),
        )
        for one in page.subscriptions
    ]
    emit(subscription_list_view(page, criteria), listing(HEADINGS, cells, noun="subscriptions"))
    if page.total > offset + len(page.subscriptions):
        note(f"{page.total} match; for more add --offset {offset + limit}.")


@subscription.command()
@id_argument
def show(subscription_id: str) -> None:
    """Show a subscription with its latest cycles."""
    with open_shop() as ports:
        shown = show_subscription(OPERATOR, SubscriptionId(subscription_id), store=ports.store)
    emit(subscription_detail_view(shown), _lines(shown))


@subscription.command()
@id_argument
@click.option("--reason", metavar="TEXT", help="Kept with the subscription, and told.")
@yes_option
@dry_run_option
def cancel(subscription_id: str, *, reason: str | None, is_yes: bool) -> None:
    """Cancel a subscription: no further invoices; the license runs to its end.

    An invoice that is open stays payable, and what is paid for it extends the license.
    """
    with open_shop() as ports:
        shown = show_subscription(OPERATOR, SubscriptionId(subscription_id), store=ports.store)
        if shown.subscription.status in LIVE:
            confirm(_question(shown.subscription), is_yes=is_yes)
        done = cancel_subscription(
            OPERATOR,
            shown.subscription.id,
            reason=reason,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    if done.is_already:
        note(f"Subscription {subscription_id} is {done.subscription.status} already.")
    emit(
        subscription_cancellation_view(done),
        [f"Subscription {subscription_id} is {done.subscription.status}."],
    )


def _question(found: Subscription) -> str:
    return (
        f"Cancel subscription {found.id} of license {found.license_id}? Its buyer is billed no more"
        f" and the license ends at {time_text(found.next_renewal_at)} or a little later. This cannot"
        " be undone; a new purchase makes a new license."
    )


def _lines(shown: ShownSubscription) -> list[str]:
    found = shown.subscription
    described = facts(
        (
            ("id", found.id),
            ("status", found.status),
            ("license id", found.license_id),
            ("product id", found.product_id),
            ("policy id", found.policy_id),
            ("price", found.listed),
            ("days", found.period_days),
            ("days of grace", found.grace_period_days),
            ("started at", time_text(found.started_at)),
            ("next renewal at", time_text(found.next_renewal_at)),
            ("lapses at", time_text(found.lapses_at)),
            ("looked at next", time_text(found.next_action_at)),
            ("last asked at", time_text(found.last_renewal_attempt_at)),
            ("failures", found.consecutive_failures),
            ("provider account", found.account_id),
            ("cancelled at", time_text(found.cancelled_at)),
            ("reason", found.cancellation_reason),
        )
    )
    cells = [
        (
            cycle.number,
            cycle.invoice_id,
            time_text(cycle.start_at),
            time_text(cycle.end_at),
            time_text(cycle.settled_at),
            time_text(cycle.superseded_at),
        )
        for cycle in shown.cycles
    ]
    return [*described, "", *table(CYCLE_HEADINGS, cells)]
