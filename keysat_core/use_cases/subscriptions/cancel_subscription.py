"""Cancel a subscription: by its buyer, who has the key, or by the operator (lifecycles 8.7)."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, LicenseId, SubscriptionId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.subscription import LIVE, Subscription
from keysat_core.domain.subscription_end import BY_ADMIN, BY_BUYER, cancel
from keysat_core.domain.text import cut_text
from keysat_core.errors import NotFound, Unauthorized
from keysat_core.limits import REASON_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction
from keysat_core.signing.license_key import LicensePayload


class CancelledSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """The subscription. ``is_already``: it had ended before, nothing changed (decisions 10)."""

    subscription: Subscription
    is_already: bool = False


def cancel_subscription(
    actor: Actor,
    subscription_id: SubscriptionId,
    *,
    reason: str | None,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> CancelledSubscription:
    """Cancel as the operator. One that has ended stays as it is.

    Raises:
        Forbidden: the actor lacks ``subscriptions:write``.
        NotFound: no such subscription.
    """
    authorize(actor, Scope.SUBSCRIPTIONS_WRITE)
    why = cut_text(reason, REASON_CHARS_MAX, field="reason") or None
    now = clock.now()
    with store.writing() as tx:
        subscription = tx.subscriptions.get_subscription(subscription_id)
        return _cancel(tx, actor, subscription, by=BY_ADMIN, reason=why, ids=ids, now=now)


def cancel_own_subscription(
    actor: Actor,
    payload: LicensePayload,
    *,
    reason: str | None,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> CancelledSubscription:
    """Cancel as whoever holds a verified key; an expired license will do (public-api 13).

    Raises:
        Unauthorized: no such license, or it is suspended or revoked.
        NotFound: the license has no subscription.
    """
    why = cut_text(reason, REASON_CHARS_MAX, field="reason") or None
    now = clock.now()
    license_id = LicenseId(payload.license_id)
    with store.writing() as tx:
        license = tx.licenses.find_license(license_id)
        if license is None or license.status is not LicenseStatus.ACTIVE:
            raise Unauthorized
        subscription = tx.subscriptions.find_subscription_of(license_id)
        if subscription is None:
            raise NotFound("subscription of license", license_id)
        # The audit log names the license, never its key (admin-api 6).
        holder = msgspec.structs.replace(actor, hash=license_id)
        return _cancel(tx, holder, subscription, by=BY_BUYER, reason=why, ids=ids, now=now)


def _cancel(
    tx: Transaction,
    actor: Actor,
    subscription: Subscription,
    *,
    by: str,
    reason: str | None,
    ids: Ids,
    now: Instant,
) -> CancelledSubscription:
    if subscription.status not in LIVE:
        return CancelledSubscription(subscription=subscription, is_already=True)
    license = tx.licenses.get_license(subscription.license_id)
    ended = cancel(subscription, license, actor, now, by=by, reason=reason)
    tx.subscriptions.put_subscription(ended.subscription)
    tx.licenses.put_license(ended.license)
    tx.trail.append_audit(ended.audit)
    tx.trail.append_event(outbox_event(ended.event, event_id=EventId(ids.new()), now=now))
    return CancelledSubscription(subscription=ended.subscription)
