"""``keysat self-license``: the license this server runs on. Its tier: ``keysat tier show``."""

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import read_argument_or_stdin
from keysat_cli.output import emit, facts, note, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.instant import Instant
from keysat_core.domain.own_license import PERPETUAL, Licensed, Standing
from keysat_core.use_cases.server.self_license import (
    activate_self_license,
    refresh_self_license,
    show_self_license,
)
from keysat_http.views.self_license import activated_view, standing_view


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
