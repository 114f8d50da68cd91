"""Community analytics: off unless the operator wants them. Source: admin-api 2.17, B-42."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server import community as use_cases
from keysat_core.use_cases.server.community import ChangeCommunity
from keysat_http.routes import get, post
from keysat_http.settings import HTTPSettings
from keysat_http.views.community import (
    CommunityAnalytics,
    CommunityChoice,
    CommunityReset,
    choice_view,
    community_view,
)

_PATH: Final = "/v1/admin/community-analytics"
_TAGS: Final = ("settings",)


class CommunityWish(msgspec.Struct, frozen=True, kw_only=True):
    """Whether heartbeats are wanted. ``collector_url`` left out stays, null or blank clears it."""

    enabled: bool
    collector_url: str | UnsetType | None = UNSET


@get(_PATH, tags=_TAGS)
def get_community_analytics(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
) -> CommunityAnalytics:
    """Show whether anything is sent, where to, and all of what it would be."""
    overview = use_cases.show_community(
        actor,
        version=settings.version,
        started_at=settings.started_at or ports.clock.now(),
        store=ports.store,
        clock=ports.clock,
        self_license=ports.self_license,
    )
    return community_view(overview)


@post(_PATH, tags=_TAGS)
def set_community_analytics(
    data: JSONBody[CommunityWish], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> CommunityChoice:
    """Switch heartbeats on or off. Nothing is sent without a collector's URL."""
    command = ChangeCommunity(is_enabled=data.enabled, collector_url=data.collector_url)
    return choice_view(
        use_cases.change_community(
            actor, command, store=ports.store, clock=ports.clock, ids=ports.ids
        )
    )


@post(_PATH + "/reset", tags=_TAGS)
def reset_community_analytics(
    actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> CommunityReset:
    """Forget the random id in heartbeats. Master key only."""
    use_cases.reset_community(actor, store=ports.store, clock=ports.clock, ids=ports.ids)
    return CommunityReset()
