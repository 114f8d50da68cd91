"""Community analytics on the wire. Source: admin-api 2.17."""

from typing import Literal

import msgspec

from keysat_core.domain.community import CommunityHeartbeat, CommunitySettings
from keysat_core.use_cases.server.community import CommunityOverview


class CommunityAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    """What is set, and exactly the JSON that would be sent now."""

    enabled: bool
    collector_url: str | None
    install_uuid: str | None
    preview_heartbeat: CommunityHeartbeat


class CommunityChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What is set from now on."""

    enabled: bool
    collector_url: str | None


class CommunityReset(msgspec.Struct, frozen=True, kw_only=True):
    """The id is forgotten."""

    ok: Literal[True] = True


def community_view(overview: CommunityOverview) -> CommunityAnalytics:
    """Render the settings and the next heartbeat."""
    settings = overview.settings
    return CommunityAnalytics(
        enabled=settings.is_enabled,
        collector_url=settings.collector_url,
        install_uuid=settings.install_uuid,
        preview_heartbeat=overview.preview,
    )


def choice_view(settings: CommunitySettings) -> CommunityChoice:
    """Render what is set now."""
    return CommunityChoice(enabled=settings.is_enabled, collector_url=settings.collector_url)
