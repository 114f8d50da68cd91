"""Community analytics: the little a server says of itself, if its operator wants it to.

Source: admin-api 2.17 and 4. A heartbeat has no name, address, id or text of the shop: what could be
told here is all in ``Heartbeat``, and numbers are too rough to know a shop by.
"""

from typing import Final

import msgspec

from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.self_license import Tier

NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""The id of a server that has none, before its operator opted in."""

SCHEMA_VERSION: Final = 1
"""Version of the heartbeat's shape."""

COUNT_STEP: Final = 5
"""Numbers are multiples of this, rounded down."""

BUCKETS: Final = ((1, "<1d"), (7, "1-7d"), (28, "1-4w"))
"""For how long a server has run: below so many days, and how that is told."""

LONGEST: Final = ">4w"


class HeartbeatCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How large a shop is, roughly."""

    products: int
    active_licenses: int
    settled_invoices: int


class CommunityHeartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """All that is ever sent."""

    install_uuid: str
    daemon_version: str
    tier: Tier
    counts: HeartbeatCounts
    uptime_bucket: str
    schema_version: int = SCHEMA_VERSION


class CommunitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether heartbeats are sent, where to, and under which id; None for what was never set."""

    is_enabled: bool = False
    collector_url: str | None = None
    install_uuid: str | None = None

    @property
    def is_sending(self) -> bool:
        """Whether anything leaves this server."""
        return self.is_enabled and self.collector_url is not None


def rounded(counts: HeartbeatCounts) -> HeartbeatCounts:
    """Round every count down, so that a small shop tells nothing and none tells a sale."""
    return HeartbeatCounts(
        products=_floored(counts.products),
        active_licenses=_floored(counts.active_licenses),
        settled_invoices=_floored(counts.settled_invoices),
    )


def uptime_bucket(started_at: Instant, now: Instant) -> str:
    """Tell roughly for how long a server has run."""
    for days, name in BUCKETS:
        if now - started_at < days * DAY_SECONDS:
            return name
    return LONGEST


def is_community_on(text: str | None) -> bool:
    """Read whether heartbeats are sent, as earlier servers wrote it too (admin-api 4)."""
    return text in {"1", "true"}


def _floored(count: int) -> int:
    return count - count % COUNT_STEP
