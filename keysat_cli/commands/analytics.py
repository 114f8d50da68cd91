"""``keysat analytics``: what this server says of itself to the community, if it says anything."""

from typing import Final

import click
from msgspec import UNSET, UnsetType

from keysat_cli.groups import NounGroup
from keysat_cli.output import emit, facts, to_json
from keysat_cli.session import OPERATOR, open_shop
from keysat_cli.version import package_version
from keysat_core.domain.community import CommunitySettings
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.community import (
    ChangeCommunity,
    change_community,
    reset_community,
    show_community,
)
from keysat_http.views.community import CommunityReset, choice_view, community_view

NOTHING_SENT: Final = "Nothing is sent."


@click.group(cls=NounGroup)
def analytics() -> None:
    """See and choose what this server says of itself. Nothing, unless you enable it."""


@analytics.command()
def show() -> None:
    """Show what is set, and exactly what would be sent; the uptime is this command's own."""
    with open_shop() as ports:
        overview = show_community(
            OPERATOR,
            version=package_version(),
            started_at=ports.clock.now(),
            store=ports.store,
            clock=ports.clock,
            self_license=ports.self_license,
        )
    view = community_view(overview)
    emit(view, [*_lines(overview.settings), "", to_json(view.preview_heartbeat)])


@analytics.command()
@click.option("--collector-url", metavar="URL", help="Where to; what was set stays if left out.")
def enable(*, collector_url: str | None) -> None:
    """Send a heartbeat once a day to the collector's URL, if there is one."""
    _change(is_enabled=True, collector_url=UNSET if collector_url is None else collector_url)


@analytics.command()
@click.option("--forget-url", is_flag=True, help="Forget the collector's URL too.")
def disable(*, forget_url: bool) -> None:
    """Send nothing from now on."""
    _change(is_enabled=False, collector_url=None if forget_url else UNSET)


@analytics.command()
def reset() -> None:
    """Forget the random id in heartbeats; the next one has another."""
    with open_shop() as ports:
        reset_community(OPERATOR, store=ports.store, clock=ports.clock, ids=ports.ids)
    emit(CommunityReset(), ["The id is forgotten."])


def _change(*, is_enabled: bool, collector_url: str | UnsetType | None) -> None:
    command = ChangeCommunity(is_enabled=is_enabled, collector_url=collector_url)
    with open_shop() as ports:
        settings = _changed(ports, command)
    emit(choice_view(settings), _lines(settings))


def _changed(ports: Ports, command: ChangeCommunity) -> CommunitySettings:
    return change_community(OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids)


def _lines(settings: CommunitySettings) -> list[str]:
    listed = facts(
        (
            ("enabled", settings.is_enabled),
            ("collector url", settings.collector_url),
            ("install uuid", settings.install_uuid),
        )
    )
    return listed if settings.is_sending else [*listed, NOTHING_SENT]
