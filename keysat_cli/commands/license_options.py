"""The options that describe licenses to give away, shared by issuing one and many."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from keysat_cli.options import DURATION, MOMENT

_C = TypeVar("_C", bound=Callable[..., Any])

GRANT: Final = (
    click.argument("sold", metavar="PRODUCT[/POLICY]"),
    click.option("--expires-at", type=MOMENT, help="RFC 3339; else the policy's term decides."),
    click.option(
        "--entitlement",
        "entitlements",
        multiple=True,
        metavar="SLUG",
        help="Grant this instead of what the policy grants; repeat it for more.",
    ),
    click.option("--no-entitlements", is_flag=True, help="Grant none, whatever the policy says."),
    click.option("--max-machines", type=int, metavar="N", help="Seats; 0 is no cap."),
    click.option(
        "--grace-seconds",
        type=DURATION,
        help="How long it works on after its end; else the policy decides.",
    ),
    click.option(
        "--trial/--no-trial",
        "is_trial",
        default=None,
        help="Mark it as a trial, or not; else the policy decides.",
    ),
    click.option("--buyer-email", metavar="ADDRESS", help="Whose it is."),
    click.option("--nostr-npub", metavar="NPUB", help="Whose it is, by a Nostr key."),
    click.option("--note", metavar="TEXT", help="For your own eyes."),
)


def grant_options(command: _C) -> _C:
    """Add the argument and the options that describe what is given away."""
    for option in reversed(GRANT):
        command = option(command)
    return command


def granted_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of a ``Grant`` that these options set.

    Raises:
        click.UsageError: two of them contradict each other.
    """
    given = dict(fields)
    sold, no_entitlements = given.pop("sold"), given.pop("no_entitlements")
    if no_entitlements and given["entitlements"]:
        raise click.UsageError("choose one of --entitlement and --no-entitlements")
    if not (no_entitlements or given["entitlements"]):
        given["entitlements"] = None
    product_slug, slash, policy_slug = sold.partition("/")
    return given | {"product_slug": product_slug, "policy_slug": policy_slug if slash else None}
