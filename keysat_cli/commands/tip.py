"""``keysat tip``: what sales sent to lightning addresses."""

from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.output import emit, listing, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.ids import LicenseId, PolicyId
from keysat_core.domain.tip import TipFilter
from keysat_core.limits import TIPS_PAGE_DEFAULT
from keysat_core.use_cases.server.settings import cap_tips, find_tips_cap
from keysat_core.use_cases.tips.list_tips import list_tips
from keysat_http.views.tip import TipsCap, tip_list_view

HEADINGS: Final = ("created at", "recipient", "sats", "status", "license", "detail")


@click.group(cls=NounGroup)
def tip() -> None:
    """See what sales sent to lightning addresses, and limit it."""


@tip.command("list")
@click.option("--license", "license_id", metavar="ID", help="Only the tip of this license.")
@click.option("--policy", "policy_id", metavar="ID", help="Only tips of sales at this tier.")
@click.option("--recipient", metavar="ADDRESS", help="Only tips to this lightning address.")
@click.option(
    "--limit", type=int, default=TIPS_PAGE_DEFAULT, show_default=True, help="How many at most."
)
def list_(
    *, license_id: str | None, policy_id: str | None, recipient: str | None, limit: int
) -> None:
    """List tips, newest first."""
    criteria = TipFilter(
        license_id=None if license_id is None else LicenseId(license_id),
        policy_id=None if policy_id is None else PolicyId(policy_id),
        recipient=recipient,
        limit=limit,
    )
    with open_shop() as ports:
        page = list_tips(OPERATOR, criteria, store=ports.store)
    shown = tip_list_view(page)
    rows = [
        (
            time_text(one.created_at),
            one.recipient,
            one.amount_sats,
            view.status,
            one.license_id,
            one.detail,
        )
        for one, view in zip(page.tips, shown.tips, strict=True)
    ]
    emit(shown, listing(HEADINGS, rows, noun="tips"))


@tip.command()
@click.argument("sats", type=int, required=False)
@click.option("--remove", is_flag=True, help="Tip without a cap again.")
def cap(*, sats: int | None, remove: bool) -> None:
    """Show or set the most that is tipped within 24 hours, in sats; 0 stops tips."""
    if remove and sats is not None:
        raise click.UsageError("give a number of sats or --remove, not both")
    with open_shop() as ports:
        if remove or sats is not None:
            cap_tips(OPERATOR, sats, store=ports.store, clock=ports.clock, ids=ports.ids)
        known = find_tips_cap(OPERATOR, store=ports.store)
    said = "Tips have no daily cap." if known is None else f"Tips stop at {known} sats in 24 hours."
    emit(TipsCap(tips_daily_cap_sats=known), [said])
