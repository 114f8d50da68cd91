"""The options that describe a tier and its tip, shared by creating and changing one."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from keysat_cli.options import DURATION, JSON_TEXT

_C = TypeVar("_C", bound=Callable[..., Any])

TERMS: Final = (
    click.option("--duration-seconds", type=DURATION, help="Term of a license; 0 is perpetual."),
    click.option("--grace-seconds", type=DURATION, help="How long it validates after its end."),
    click.option("--max-machines", type=int, help="Seats of a license; 0 is no cap.  [new: 1]"),
    click.option("--trial/--no-trial", "is_trial", default=None, help="Mark keys as trials."),
    click.option(
        "--price-sats-override",
        type=int,
        metavar="N",
        help="Its own price: sats, or cents if the product is priced in USD or EUR; 0 is free.",
    ),
    click.option(
        "--entitlement", "entitlements", multiple=True, metavar="SLUG", help="Repeat for more."
    ),
    click.option("--metadata", type=JSON_TEXT, help="A JSON object for the buy page."),
    click.option(
        "--recurring/--no-recurring",
        "is_recurring",
        default=None,
        help="Whether it is paid again and again.",
    ),
    click.option("--renewal-period-days", type=int, metavar="N", help="How long a cycle is."),
    click.option(
        "--grace-period-days",
        type=int,
        metavar="N",
        help="How long a subscription may be past due before it lapses.",
    ),
    click.option(
        "--trial-days", type=int, metavar="N", help="How long the first cycle is for nothing."
    ),
    click.option("--tier-rank", type=int, metavar="N", help="Its place on the upgrade ladder."),
)
"""Options named like the fields they set; what is not given is left alone, or to its default."""


def terms_options(command: _C) -> _C:
    """Add the options that describe a tier."""
    for option in reversed(TERMS):
        command = option(command)
    return command


def tip_options(command: _C) -> _C:
    """Add the options that describe a tip."""
    address = click.option("--tip-recipient", metavar="ADDRESS", help="A lightning address.")
    share = click.option(
        "--tip-pct-bps", type=int, default=0, metavar="N", help="Its share in 1/100 of a percent."
    )
    label = click.option("--tip-label", metavar="TEXT", help="What the tip is called.")
    return address(share(label(command)))
