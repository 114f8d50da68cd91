"""How a subscription ends, with what becomes of its license (lifecycles 8.6-8.7)."""

from typing import Final

import msgspec

from keysat_core.domain.actor import SYSTEM, Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.events import DomainEvent, subscription_cancelled, subscription_lapsed
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License
from keysat_core.domain.subscription import Cancel, Lapse, Subscription, advance

BY_BUYER: Final = "buyer"
BY_ADMIN: Final = "admin"
LICENSE_REVOKED: Final = "license revoked"
"""Why a subscription ended with its license (D36)."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a subscription that ended, and what is told of it."""

    subscription: Subscription
    license: License
    event: DomainEvent
    audit: AuditEntry


def lapse(subscription: Subscription, license: License, now: Instant) -> Ended:
    """Let an unpaid subscription lapse: from now on its license is expired (decisions 12)."""
    lapsed = advance(subscription, Lapse(), now=now)
    until = now if license.expires_at is None else min(license.expires_at, now)
    expired = msgspec.structs.replace(
        license, expires_at=Instant(until), grace_seconds=lapsed.grace_seconds
    )
    audit = audited(
        SYSTEM,
        "subscription.lapse",
        now,
        target=("subscription", lapsed.id),
        license_id=license.id,
        product_id=lapsed.product_id,
        policy_id=lapsed.policy_id,
    )
    return Ended(
        subscription=lapsed, license=expired, event=subscription_lapsed(lapsed), audit=audit
    )


def cancel(
    subscription: Subscription,
    license: License,
    actor: Actor,
    now: Instant,
    *,
    by: str,
    reason: str | None,
) -> Ended:
    """Bill nobody any more; the license runs to its end, with the grace it has by itself.

    Source: lifecycles 8.7, admin-api 6.
    """
    cancelled = advance(subscription, Cancel(reason=reason), now=now)
    audit = audited(
        actor,
        "subscription.cancel",
        now,
        target=("subscription", cancelled.id),
        license_id=license.id,
        product_id=cancelled.product_id,
        policy_id=cancelled.policy_id,
        reason=reason,
        actor=by,
    )
    return Ended(
        subscription=cancelled,
        license=msgspec.structs.replace(license, grace_seconds=cancelled.grace_seconds),
        event=subscription_cancelled(cancelled, by),
        audit=audit,
    )
