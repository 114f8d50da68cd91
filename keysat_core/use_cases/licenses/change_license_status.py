"""Suspend, reinstate and revoke licenses."""

from typing import Final, assert_never

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import (
    DomainEvent,
    LicenseRevoked,
    LicenseSuspended,
    LicenseUnsuspended,
    outbox_event,
)
from keysat_core.domain.ids import EventId, LicenseId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import (
    License,
    LicenseEvent,
    LicenseStatus,
    Reinstate,
    Revoke,
    Suspend,
    advance,
)
from keysat_core.domain.subscription import LIVE
from keysat_core.domain.subscription_end import BY_ADMIN, cancel
from keysat_core.domain.text import cut_text
from keysat_core.errors import IllegalTransition, NotFound
from keysat_core.limits import REASON_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction

SUSPEND_REASON: Final = "admin suspend"
"""Reason when the operator gives none (lifecycles 2.1)."""

REVOKE_REASON: Final = "admin revoke"


class ChangedLicense(msgspec.Struct, frozen=True, kw_only=True):
    """The license. ``is_already``: it was in the asked state before, nothing changed (decisions 10)."""

    license: License
    is_already: bool = False


def suspend_license(
    actor: Actor,
    license_id: LicenseId,
    *,
    reason: str | None,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> ChangedLicense:
    """Stop a license for a while. Suspending a suspended one changes nothing.

    Raises:
        Forbidden: the actor lacks ``licenses:write``.
        NotFound: no such license, or it is revoked.
    """
    authorize(actor, Scope.LICENSES_WRITE)
    why = cut_text(reason, REASON_CHARS_MAX, field="reason") or SUSPEND_REASON
    return _change(actor, license_id, Suspend(reason=why), store=store, clock=clock, ids=ids)


def reinstate_license(
    actor: Actor, license_id: LicenseId, *, store: Store, clock: Clock, ids: Ids
) -> ChangedLicense:
    """Lift a suspension. Reinstating an active license changes nothing.

    Raises:
        Forbidden: the actor lacks ``licenses:write``.
        NotFound: no such license, or it is revoked.
    """
    authorize(actor, Scope.LICENSES_WRITE)
    return _change(actor, license_id, Reinstate(), store=store, clock=clock, ids=ids)


def revoke_license(
    actor: Actor,
    license_id: LicenseId,
    *,
    reason: str | None,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> ChangedLicense:
    """End a license for good. A second revoke is refused: scripts rely on it (decisions 10).

    Raises:
        Forbidden: the actor lacks ``licenses:write``.
        NotFound: no such license, or it is revoked already.
    """
    authorize(actor, Scope.LICENSES_WRITE)
    why = cut_text(reason, REASON_CHARS_MAX, field="reason") or REVOKE_REASON
    return _change(actor, license_id, Revoke(reason=why), store=store, clock=clock, ids=ids)


def _change(
    actor: Actor,
    license_id: LicenseId,
    event: LicenseEvent,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> ChangedLicense:
    now = clock.now()
    with store.writing() as tx:
        license = tx.licenses.get_license(license_id)
        if license.status is _STATUS_AFTER.get(type(event)):
            return ChangedLicense(license=license, is_already=True)
        try:
            changed = advance(license, event, now=now)
        except IllegalTransition as refused:
            raise NotFound("license that can take this", license_id) from refused
        tx.licenses.put_license(changed)
        action, report = _report(license_id, event)
        details = {"reason": event.reason} if isinstance(event, Suspend | Revoke) else {}
        target = ("license", license_id)
        tx.trail.append_audit(audited(actor, action, now, target=target, **details))
        tx.trail.append_event(outbox_event(report, event_id=EventId(ids.new()), now=now))
        if isinstance(event, Revoke):
            _cancel_subscription(tx, actor, changed, event.reason, ids=ids, now=now)
    return ChangedLicense(license=changed)


def _cancel_subscription(
    tx: Transaction, actor: Actor, revoked: License, reason: str, *, ids: Ids, now: Instant
) -> None:
    """Nobody pays for a license that was revoked (D36)."""
    subscription = tx.subscriptions.find_subscription_of(revoked.id)
    if subscription is None or subscription.status not in LIVE:
        return
    ended = cancel(subscription, revoked, actor, now, by=BY_ADMIN, reason=reason)
    tx.subscriptions.put_subscription(ended.subscription)
    tx.licenses.put_license(ended.license)
    tx.trail.append_audit(ended.audit)
    tx.trail.append_event(outbox_event(ended.event, event_id=EventId(ids.new()), now=now))


_STATUS_AFTER: Final[dict[type[LicenseEvent], LicenseStatus]] = {
    Suspend: LicenseStatus.SUSPENDED,
    Reinstate: LicenseStatus.ACTIVE,
}
"""Commands that may be repeated; a revoke may not."""


def _report(license_id: LicenseId, event: LicenseEvent) -> tuple[str, DomainEvent]:
    match event:
        case Suspend(reason=reason):
            return "license.suspend", LicenseSuspended(license_id=license_id, reason=reason)
        case Reinstate():
            return "license.unsuspend", LicenseUnsuspended(license_id=license_id)
        case Revoke(reason=reason):
            return "license.revoke", LicenseRevoked(license_id=license_id, reason=reason)
        case _:
            assert_never(event)
