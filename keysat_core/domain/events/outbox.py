"""All events as one union, and the body they leave the outbox with.

Source: lifecycles 10.1-10.2 and decisions 14. Events with ``is_published`` False stay inside the
outbox: the published catalogue has no name for them (admin-api 2.5).
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, get_args

import msgspec

from keysat_core.domain.events.access import ApiKeyCreated, ApiKeyRevoked, WebPasswordChanged
from keysat_core.domain.events.catalog import (
    PolicyCreated,
    PolicyDeleted,
    PolicyUpdated,
    ProductCreated,
    ProductDeleted,
    ProductUpdated,
)
from keysat_core.domain.events.codes import (
    CodeCreated,
    CodeDeleted,
    CodeRedeemed,
    CodeReleased,
    CodeUpdated,
)
from keysat_core.domain.events.event import Event
from keysat_core.domain.events.licenses import (
    LicenseIssued,
    LicenseRevoked,
    LicenseSuspended,
    LicenseTierChanged,
    LicenseUnsuspended,
    MachineActivated,
    MachineDeactivated,
)
from keysat_core.domain.events.merchants import (
    MerchantProfileCreated,
    MerchantProfileDeleted,
    MerchantProfileUpdated,
    ProviderConnected,
    ProviderDisconnected,
    ProviderFailing,
    ProviderRecovered,
    ProviderWebhookFailing,
    ProviderWebhookMoved,
    ProviderWebhookRecovered,
    ProviderWebhookRegistered,
    RateDoubted,
    RatePinned,
    RateRefreshed,
    SettingChanged,
)
from keysat_core.domain.events.sales import (
    InvoiceCharged,
    InvoiceExpired,
    InvoiceOpened,
    InvoicePaid,
    InvoiceRefunded,
    InvoiceSettled,
    PaymentSaved,
    ProviderInvoiceRecorded,
    TipChanged,
)
from keysat_core.domain.events.subscriptions import (
    SubscriptionAutoChargeFailed,
    SubscriptionAutoChargeInitiated,
    SubscriptionCancelled,
    SubscriptionLapsed,
    SubscriptionRenewalFailed,
    SubscriptionRenewalPending,
    SubscriptionRenewalSkipped,
    SubscriptionRenewed,
)
from keysat_core.domain.events.webhooks import (
    WebhookDeliveryRetried,
    WebhookEndpointCreated,
    WebhookEndpointDeleted,
    WebhookEndpointUpdated,
    WebhookEventsReplayed,
    WebhookTest,
)
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import Instant, rfc3339

DomainEvent: TypeAlias = (
    ProductCreated
    | ProductUpdated
    | ProductDeleted
    | PolicyCreated
    | PolicyUpdated
    | PolicyDeleted
    | MerchantProfileCreated
    | MerchantProfileUpdated
    | MerchantProfileDeleted
    | LicenseIssued
    | LicenseRevoked
    | LicenseSuspended
    | LicenseUnsuspended
    | LicenseTierChanged
    | CodeRedeemed
    | CodeCreated
    | CodeUpdated
    | CodeDeleted
    | CodeReleased
    | SubscriptionAutoChargeFailed
    | SubscriptionAutoChargeInitiated
    | SubscriptionCancelled
    | SubscriptionLapsed
    | SubscriptionRenewalFailed
    | SubscriptionRenewalPending
    | SubscriptionRenewalSkipped
    | SubscriptionRenewed
    | MachineActivated
    | MachineDeactivated
    | InvoiceCharged
    | InvoiceOpened
    | ProviderInvoiceRecorded
    | InvoicePaid
    | InvoiceExpired
    | InvoiceRefunded
    | InvoiceSettled
    | ProviderConnected
    | ProviderDisconnected
    | ProviderFailing
    | ProviderRecovered
    | ProviderWebhookRegistered
    | ProviderWebhookMoved
    | ProviderWebhookFailing
    | ProviderWebhookRecovered
    | RatePinned
    | RateRefreshed
    | RateDoubted
    | PaymentSaved
    | TipChanged
    | SettingChanged
    | WebhookEndpointCreated
    | WebhookEndpointUpdated
    | WebhookEndpointDeleted
    | WebhookDeliveryRetried
    | WebhookEventsReplayed
    | ApiKeyCreated
    | ApiKeyRevoked
    | WebPasswordChanged
    | WebhookTest
)

PUBLISHED_EVENTS: Final[Mapping[str, type[Event]]] = {
    kind.event_type: kind for kind in get_args(DomainEvent) if kind.is_published
}
"""What subscribers may be told of, by name."""

PUBLISHED_EVENT_TYPES: Final = frozenset(PUBLISHED_EVENTS)


# Without reference cycles, so the collector can leave a hundred thousand of them alone.
class OutboxEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as a row: its body is fixed when it is written (lifecycles 10.2)."""

    id: EventId
    event_type: str
    is_published: bool
    body: bytes
    occurred_at: Instant


def outbox_event(event: DomainEvent, *, event_id: EventId, now: Instant) -> OutboxEvent:
    """Fix an event's body: ``{"event_type", "timestamp", "data"}`` as compact JSON."""
    data: dict[str, Any] = msgspec.structs.asdict(event)
    envelope = {"event_type": event.event_type, "timestamp": rfc3339(now), "data": data}
    return OutboxEvent(
        id=event_id,
        event_type=event.event_type,
        is_published=event.is_published,
        body=msgspec.json.encode(envelope),
        occurred_at=now,
    )
