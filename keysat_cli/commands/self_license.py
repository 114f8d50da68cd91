"""``keysat self-license``: the license this server runs on, and the tier it gives."""

from collections.abc import Iterable
from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import read_argument_or_stdin
from keysat_cli.output import emit, facts, note, time_text
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_cli.settings import read_store_settings
from keysat_core.domain.instant import Instant
from keysat_core.domain.own_license import PERPETUAL, Licensed, Standing
from keysat_core.use_cases.server.self_license import (
    activate_self_license,
    refresh_self_license,
    show_self_license,
)
from keysat_core.use_cases.server.show_tier import TierOverview, show_tier
from keysat_http.views.self_license import activated_view, standing_view
from keysat_http.views.tier import tier_view

NO_CAP: Final = "no cap"


@click.group(cls=NounGroup)
def self_license() -> None:
    """See and exchange the license this server runs on. For licenses you sell: keysat license."""


@self_license.command()
def show() -> None:
    """Show the license, or why there is none."""
    with open_shop() as ports:
        standing = show_self_license(OPERATOR, self_licenses=ports.self_licenses, clock=ports.clock)
    emit(standing_view(standing), _lines(standing))


@self_license.command()
@click.argument("text", metavar="KEY")
def activate(text: str) -> None:
    """Run on a license; KEY may be - to read it from stdin. A server notices within a minute."""
    with open_shop() as ports:
        activated = activate_self_license(
            OPERATOR,
            read_argument_or_stdin(text),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_licenses=ports.self_licenses,
        )
    view = activated_view(activated)
    note(f"{view.message[:1].upper()}{view.message[1:]}.")
    emit(view, _lines(activated.standing))


@self_license.command()
def refresh() -> None:
    """Look at the key and at the license's row again."""
    with open_shop() as ports:
        standing = refresh_self_license(
            OPERATOR, store=ports.store, clock=ports.clock, self_licenses=ports.self_licenses
        )
    emit(standing_view(standing), _lines(standing))


@self_license.command()
def tier() -> None:
    """Show this server's own tier, its caps and how much of them is used."""
    is_sandbox = read_store_settings(environment()).is_sandbox
    with open_shop() as ports:
        overview = show_tier(OPERATOR, store=ports.store, self_license=ports.self_license)
    emit(tier_view(overview, is_sandbox=is_sandbox), facts(_tier_facts(overview)))


def _lines(standing: Standing) -> list[str]:
    if not isinstance(standing, Licensed):
        return [f"Unlicensed: {standing.reason}."]
    ends = "never" if standing.expires_at == PERPETUAL else time_text(Instant(standing.expires_at))
    return facts(
        (
            ("license id", standing.license_id),
            ("product id", standing.product_id),
            ("expires at", ends),
            ("entitlements", standing.entitlements),
        )
    )


def _tier_facts(overview: TierOverview) -> Iterable[tuple[str, object]]:
    own = overview.self_license
    return (
        ("tier", own.tier.title()),
        ("products", _used(overview.product_count, own.products_cap)),
        ("active codes", _used(overview.active_code_count, own.codes_cap)),
        ("merchant profiles", _used(overview.merchant_profile_count, own.merchant_profiles_cap)),
        (
            "tiers per product",
            NO_CAP if own.policies_cap is None else f"at most {own.policies_cap}",
        ),
        ("entitlements", sorted(own.entitlements)),
        ("next tier", own.upgrade_url),
    )


def _used(count: int, cap: int | None) -> str:
    return f"{count}, {NO_CAP}" if cap is None else f"{count} of {cap}"
