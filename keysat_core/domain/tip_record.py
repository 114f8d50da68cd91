"""What is written down when a tip becomes something else: an audit row and an event.

Source: payments 13; decision record 0005.
"""

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.events import OutboxEvent, TipChanged, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import Instant
from keysat_core.domain.tip import TipAttempt


def tip_entry(tip: TipAttempt, now: Instant) -> AuditEntry:
    """Describe a tip that has become what it is; the action is ``tip.`` and its status."""
    return audited(
        SYSTEM,
        f"tip.{tip.status}",
        now,
        target=("tip", tip.id),
        license_id=tip.license_id,
        policy_id=tip.policy_id,
        recipient=tip.recipient,
        amount_sats=tip.amount_sats,
        payment_hash=tip.payment_hash,
        detail=tip.detail,
    )


def tip_changed(tip: TipAttempt) -> TipChanged:
    """Tell of a tip that has become what it is."""
    return TipChanged(tip_id=tip.id, license_id=tip.license_id, status=tip.status)


def tip_event(tip: TipAttempt, event_id: EventId, now: Instant) -> OutboxEvent:
    """Make the event of a tip that has become what it is."""
    return outbox_event(tip_changed(tip), event_id=event_id, now=now)
