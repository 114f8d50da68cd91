"""What a server knows and says of itself: its own license, its database, what it tells others."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.community import (
    CommunityHeartbeat,
    CommunitySettings,
    HeartbeatCounts,
)
from keysat_core.domain.database_info import DatabaseInfo, RowCounts
from keysat_core.domain.ids import LicenseId, ProductId
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.outside_diagnosis import Asked, OwnLicense
from keysat_core.domain.own_license import PERPETUAL, HeldLicense, Licensed, Unlicensed
from keysat_core.domain.retention import Retention
from keysat_core.domain.self_license import Capability, Tier
from keysat_core.limits import INSTANT_MAX, RETENTION_DAYS_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import names, slugs

_COUNT: Final = st.integers(0, 1 << 40)
_DAYS: Final = st.none() | st.integers(1, RETENTION_DAYS_MAX)


def own_entitlements() -> SearchStrategy[tuple[str, ...]]:
    """What a license of Keysat's may name: what is known, and what nobody knows yet."""
    known = st.sampled_from(Capability).map(str)
    return st.lists(known | slugs(), max_size=8, unique=True).map(tuple)


def licensed(**fixed: Any) -> SearchStrategy[Licensed]:
    """A license that counts, for a time or for ever."""
    return built(
        Licensed,
        fixed,
        license_id=ids().map(LicenseId),
        product_id=ids().map(ProductId),
        expires_at=st.just(PERPETUAL) | st.integers(1, INSTANT_MAX),
        entitlements=own_entitlements(),
    )


def unlicensed(**fixed: Any) -> SearchStrategy[Unlicensed]:
    """No license, for any reason."""
    return built(Unlicensed, fixed, reason=names())


def held_licenses(**fixed: Any) -> SearchStrategy[HeldLicense]:
    """What is known of an own license, whether or not the parts belong together."""
    return built(
        HeldLicense, fixed, ceiling=st.none() | licensed(), standing=licensed() | unlicensed()
    )


def row_counts(**fixed: Any) -> SearchStrategy[RowCounts]:
    """Numbers of rows."""
    return built(RowCounts, fixed, **dict.fromkeys(RowCounts.__struct_fields__, _COUNT))


def database_infos(**fixed: Any) -> SearchStrategy[DatabaseInfo]:
    """Databases as a whole."""
    return built(
        DatabaseInfo,
        fixed,
        path=names(),
        size_bytes=st.none() | _COUNT,
        wal_size_bytes=_COUNT,
        schema_version=st.integers(1, 1_000),
        last_write_at=st.none() | instants(),
        counts=row_counts(),
    )


def retentions(**fixed: Any) -> SearchStrategy[Retention]:
    """How long logs are kept."""
    return built(Retention, fixed, validation_days=_DAYS, delivery_days=_DAYS)


def heartbeat_counts(**fixed: Any) -> SearchStrategy[HeartbeatCounts]:
    """Sizes of shops, as they are and as they are told."""
    return built(HeartbeatCounts, fixed, **dict.fromkeys(HeartbeatCounts.__struct_fields__, _COUNT))


def community_heartbeats(**fixed: Any) -> SearchStrategy[CommunityHeartbeat]:
    """What servers say of themselves, in versions to come too."""
    return built(
        CommunityHeartbeat,
        fixed,
        install_uuid=ids(),
        daemon_version=slugs(),
        tier=st.sampled_from(Tier),
        counts=heartbeat_counts(),
        uptime_bucket=st.sampled_from(["<1d", "1-7d", "1-4w", ">4w"]),
        schema_version=st.integers(1, 9),
    )


def community_settings(**fixed: Any) -> SearchStrategy[CommunitySettings]:
    """What an operator may have chosen."""
    return built(
        CommunitySettings,
        fixed,
        is_enabled=st.booleans(),
        collector_url=st.none() | slugs().map("https://collect.example/".__add__),
        install_uuid=st.none() | ids(),
    )


def asked_providers(**fixed: Any) -> SearchStrategy[Asked]:
    """What came of asking a payment provider."""
    return built(
        Asked,
        fixed,
        kind=st.sampled_from(ProviderKind).map(str),
        label=names(),
        problem=st.none() | names(),
        refusal=st.none() | slugs(),
    )


def read_licenses(**fixed: Any) -> SearchStrategy[OwnLicense]:
    """The operator's own license as it was read."""
    return built(
        OwnLicense,
        fixed,
        source=names(),
        problem=st.none() | names(),
        tier=st.sampled_from(Tier).map(str) | st.just(""),
        expires_at=st.none() | instants(),
        status=st.none() | st.sampled_from(LicenseStatus),
    )


OWN_SERVER: Final[Mapping[type[msgspec.Struct], Callable[[], SearchStrategy[Any]]]] = {
    Asked: asked_providers,
    CommunityHeartbeat: community_heartbeats,
    CommunitySettings: community_settings,
    DatabaseInfo: database_infos,
    HeartbeatCounts: heartbeat_counts,
    HeldLicense: held_licenses,
    Licensed: licensed,
    OwnLicense: read_licenses,
    Retention: retentions,
    RowCounts: row_counts,
    Unlicensed: unlicensed,
}
