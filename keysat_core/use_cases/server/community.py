"""Community analytics: what would be sent, whether it is, and the heartbeat itself.

Source: admin-api 2.17 and 4, B-42; decisions 9.
"""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.community import (
    NOBODY,
    CommunityHeartbeat,
    CommunitySettings,
    HeartbeatCounts,
    is_community_on,
    rounded,
    uptime_bucket,
)
from keysat_core.domain.events import SettingChanged, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import Instant
from keysat_core.domain.self_license import SelfLicense
from keysat_core.domain.setting import (
    COMMUNITY_ENABLED,
    COMMUNITY_URL,
    COMMUNITY_UUID,
    on_or_off,
)
from keysat_core.domain.text import optional_text
from keysat_core.domain.web_address import checked_page
from keysat_core.limits import URL_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


class CommunityOverview(msgspec.Struct, frozen=True, kw_only=True):
    """What is set, and exactly what would be sent now."""

    settings: CommunitySettings
    preview: CommunityHeartbeat


class ChangeCommunity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether heartbeats are wanted. ``collector_url``: what is UNSET stays, None or blank clears."""

    is_enabled: bool
    collector_url: str | UnsetType | None = UNSET


class PlannedHeartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent, and where to."""

    url: str
    heartbeat: CommunityHeartbeat


def show_community(
    actor: Actor,
    *,
    version: str,
    started_at: Instant,
    store: Store,
    clock: Clock,
    self_license: SelfLicense,
) -> CommunityOverview:
    """Show the settings and the next heartbeat; before an id was made it has one of zeros.

    Raises:
        Forbidden: the actor lacks ``community:read``.
    """
    authorize(actor, Scope.COMMUNITY_READ)
    now = clock.now()
    with store.reading() as tx:
        settings = _settings(tx)
        counts = _counts(tx)
    return CommunityOverview(
        settings=settings,
        preview=CommunityHeartbeat(
            install_uuid=settings.install_uuid or NOBODY,
            daemon_version=version,
            tier=self_license.tier,
            counts=counts,
            uptime_bucket=uptime_bucket(started_at, now),
        ),
    )


def change_community(
    actor: Actor, command: ChangeCommunity, *, store: Store, clock: Clock, ids: Ids
) -> CommunitySettings:
    """Switch heartbeats on or off. An id is made when they are first switched on.

    Raises:
        Forbidden: the actor lacks ``community:write``.
        InvariantError: the collector's URL is no http or https URL.
    """
    authorize(actor, Scope.COMMUNITY_WRITE)
    now = clock.now()
    with store.writing() as tx:
        before = _settings(tx)
        url = before.collector_url
        if not isinstance(command.collector_url, UnsetType):
            url = _checked_url(command.collector_url)
        install_uuid = before.install_uuid
        if command.is_enabled and install_uuid is None:
            install_uuid = ids.new()
        tx.settings.put_setting(COMMUNITY_ENABLED, on_or_off(command.is_enabled), now)
        tx.settings.put_setting(COMMUNITY_URL, url, now)
        tx.settings.put_setting(COMMUNITY_UUID, install_uuid, now)
        action = "enable" if command.is_enabled else "disable"
        tx.trail.append_audit(
            audited(
                actor,
                f"community_analytics.{action}",
                now,
                target=("setting", COMMUNITY_ENABLED),
                enabled=command.is_enabled,
                collector_url_set=url is not None,
            )
        )
        event = SettingChanged(setting=COMMUNITY_ENABLED, value=on_or_off(command.is_enabled))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return CommunitySettings(
        is_enabled=command.is_enabled, collector_url=url, install_uuid=install_uuid
    )


def reset_community(actor: Actor, *, store: Store, clock: Clock, ids: Ids) -> None:
    """Forget the id. The next heartbeat, if they are switched on, has a new one.

    Raises:
        Forbidden: the actor does not hold the master key (decisions 9).
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        tx.settings.put_setting(COMMUNITY_UUID, None, now)
        target = ("setting", COMMUNITY_UUID)
        tx.trail.append_audit(audited(actor, "community_analytics.reset", now, target=target))
        event = SettingChanged(setting=COMMUNITY_UUID, value="")
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def has_heartbeat(*, store: Store) -> bool:
    """Tell whether heartbeats are switched on and go anywhere."""
    with store.reading() as tx:
        return _settings(tx).is_sending


def plan_heartbeat(
    *,
    version: str,
    started_at: Instant,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
) -> PlannedHeartbeat | None:
    """Say what is to be sent now; None: nothing is. An id that was reset is made anew and kept."""
    now = clock.now()
    with store.reading() as tx:
        settings = _settings(tx)
        if not settings.is_sending:
            return None
        counts = _counts(tx)
    if settings.install_uuid is None:
        settings = _with_new_id(store, ids, now)
    if not settings.is_enabled or settings.collector_url is None:
        return None
    heartbeat = CommunityHeartbeat(
        install_uuid=settings.install_uuid or NOBODY,
        daemon_version=version,
        tier=self_license.tier,
        counts=counts,
        uptime_bucket=uptime_bucket(started_at, now),
    )
    return PlannedHeartbeat(url=settings.collector_url, heartbeat=heartbeat)


def _with_new_id(store: Store, ids: Ids, now: Instant) -> CommunitySettings:
    with store.writing() as tx:
        # Another process may have made one, or the operator may have switched it off.
        settings = _settings(tx)
        if settings.is_sending and settings.install_uuid is None:
            settings = msgspec.structs.replace(settings, install_uuid=ids.new())
            tx.settings.put_setting(COMMUNITY_UUID, settings.install_uuid, now)
    return settings


def _checked_url(url: str | None) -> str | None:
    text = optional_text(url, field="collector_url", chars_max=URL_CHARS_MAX)
    return None if text is None else checked_page(text, field="collector_url")


def _settings(tx: Transaction) -> CommunitySettings:
    find = tx.settings.find_setting
    return CommunitySettings(
        is_enabled=is_community_on(find(COMMUNITY_ENABLED)),
        collector_url=find(COMMUNITY_URL),
        install_uuid=find(COMMUNITY_UUID),
    )


def _counts(tx: Transaction) -> HeartbeatCounts:
    counts = tx.statistics.database_info().counts
    return rounded(
        HeartbeatCounts(
            products=counts.products,
            active_licenses=counts.licenses_active,
            settled_invoices=counts.invoices_settled,
        )
    )
