"""What changed: the events of the domain, and the rows of the outbox they become."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.access import Role
from keysat_core.domain.events import (
    POLICY_ARCHIVED,
    SOURCE_ADMIN,
    SOURCE_PURCHASE,
    ApiKeyCreated,
    ApiKeyRevoked,
    CodeCreated,
    CodeDeleted,
    CodeRedeemed,
    CodeReleased,
    CodeUpdated,
    DomainEvent,
    Event,
    InvoiceCharged,
    InvoiceExpired,
    InvoiceOpened,
    InvoicePaid,
    InvoiceRefunded,
    InvoiceSettled,
    LicenseIssued,
    LicenseRevoked,
    LicenseSuspended,
    LicenseTierChanged,
    LicenseUnsuspended,
    MachineActivated,
    MachineDeactivated,
    MerchantProfileCreated,
    MerchantProfileDeleted,
    MerchantProfileUpdated,
    OutboxEvent,
    PaymentSaved,
    PolicyCreated,
    PolicyDeleted,
    PolicyUpdated,
    ProductCreated,
    ProductDeleted,
    ProductUpdated,
    ProviderConnected,
    ProviderDisconnected,
    ProviderFailing,
    ProviderInvoiceRecorded,
    ProviderRecovered,
    ProviderWebhookFailing,
    ProviderWebhookMoved,
    ProviderWebhookRecovered,
    ProviderWebhookRegistered,
    RateDoubted,
    RatePinned,
    RateRefreshed,
    SettingChanged,
    SubscriptionAutoChargeFailed,
    SubscriptionAutoChargeInitiated,
    SubscriptionCancelled,
    SubscriptionLapsed,
    SubscriptionRenewalFailed,
    SubscriptionRenewalPending,
    SubscriptionRenewalSkipped,
    SubscriptionRenewed,
    TipChanged,
    WebhookDeliveryRetried,
    WebhookEndpointCreated,
    WebhookEndpointDeleted,
    WebhookEndpointUpdated,
    WebhookEventsReplayed,
    WebhookTest,
    WebPasswordChanged,
    outbox_event,
    product_created,
)
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.invoice import InvoiceStatus, SettledBy
from keysat_core.domain.money import Currency
from keysat_core.domain.saved_payment import ChargeState
from keysat_core.domain.tier_change import Direction
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.money import amounts
from keysat_core.testing.strategies.products import entitlements, products
from keysat_core.testing.strategies.text import digests, names, slugs, texts

_Event = TypeVar("_Event", bound=Event)
_Fields = Mapping[str, SearchStrategy[Any]]

_FIELD_NAMES: Final = st.lists(slugs(), max_size=4, unique=True).map(tuple)
_PRODUCT: Final[_Fields] = {"product_id": ids()}
_POLICY: Final[_Fields] = {"policy_id": ids(), "product_id": ids()}
_PROFILE: Final[_Fields] = {"merchant_profile_id": ids()}
_ACCOUNT: Final[_Fields] = {"provider_id": ids(), "kind": texts()}
_ENDPOINT: Final[_Fields] = {"webhook_endpoint_id": ids()}
_LICENSE: Final[_Fields] = {"license_id": ids()}
_MACHINE: Final[_Fields] = {"license_id": ids(), "machine_id": ids()}
_INVOICE: Final[_Fields] = {"invoice_id": ids(), "product_id": ids(), "amount_sats": amounts()}
_SALE: Final[_Fields] = {**_INVOICE, "policy_id": st.none() | ids()}
_SUBSCRIPTION: Final[_Fields] = {**_LICENSE, **_POLICY, "subscription_id": ids()}
_CYCLE: Final[_Fields] = {
    "cycle_number": st.integers(2, 1_000),
    "cycle_start_at": instants().map(rfc3339),
    "cycle_end_at": instants().map(rfc3339),
}
_BILLED: Final[_Fields] = {
    **_SUBSCRIPTION,
    **_CYCLE,
    "invoice_id": ids(),
    "amount_sats": amounts(),
    "listed_currency": st.sampled_from(Currency).map(str),
    "listed_value": amounts(),
}
_REASON: Final[_Fields] = {"reason": texts()}
_ENDED: Final = (InvoiceStatus.EXPIRED, InvoiceStatus.INVALID)

_FIELDS: Final[Mapping[type[Event], _Fields]] = {
    ProductCreated: {"product": products().map(lambda product: product_created(product).product)},
    ProductUpdated: {**_PRODUCT, "fields": _FIELD_NAMES},
    ProductDeleted: {**_PRODUCT, "slug": slugs()},
    PolicyCreated: {**_POLICY, "slug": slugs()},
    PolicyUpdated: {**_POLICY, "fields": _FIELD_NAMES},
    PolicyDeleted: {**_POLICY, "slug": slugs()},
    MerchantProfileCreated: {**_PROFILE, "name": names()},
    MerchantProfileUpdated: {**_PROFILE, "fields": _FIELD_NAMES},
    MerchantProfileDeleted: {**_PROFILE, "name": names()},
    LicenseIssued: {
        **_LICENSE,
        **_PRODUCT,
        "invoice_id": st.none() | ids(),
        "policy_id": st.none() | ids(),
        "is_trial": st.booleans(),
        "expires_at": (st.none() | instants()).map(rfc3339_or_none),
        "entitlements": entitlements(),
        "source": st.sampled_from([SOURCE_PURCHASE, SOURCE_ADMIN]),
    },
    LicenseRevoked: {**_LICENSE, **_REASON},
    LicenseSuspended: {**_LICENSE, **_REASON},
    LicenseUnsuspended: _LICENSE,
    LicenseTierChanged: {
        **_LICENSE,
        **_PRODUCT,
        "from_policy_id": st.none() | ids(),
        "to_policy_id": ids(),
        "to_policy_slug": slugs(),
        "direction": st.none() | st.sampled_from(Direction).map(str),
        "actor": st.sampled_from(["buyer", "admin", "system"]),
        "invoice_id": st.none() | ids(),
        "tier_change_id": ids(),
        "applied_via": st.none() | texts(),
    },
    CodeRedeemed: {
        **_LICENSE,
        **_PRODUCT,
        "redemption_id": ids(),
        "code_id": ids(),
        "code": st.none() | texts(),
        "invoice_id": ids(),
        "discount_applied_sats": amounts(),
        "base_price_sats": amounts(),
        "final_price_sats": amounts(),
        "referrer_label": st.none() | texts(),
    },
    CodeCreated: {"code_id": ids(), "code": texts()},
    CodeUpdated: {"code_id": ids(), "fields": _FIELD_NAMES},
    CodeDeleted: {"code_id": ids(), "code": texts()},
    CodeReleased: {"code_id": ids(), "redemption_id": ids()},
    SubscriptionRenewalPending: {
        **_BILLED,
        "checkout_url": texts(),
        "due_at": instants().map(rfc3339),
        "buyer_email": st.none() | texts(),
        "is_first_paid_cycle": st.booleans(),
        "lapses_at": instants().map(rfc3339),
    },
    SubscriptionAutoChargeInitiated: _BILLED,
    SubscriptionAutoChargeFailed: {
        **_LICENSE,
        **_REASON,
        "subscription_id": ids(),
        "invoice_id": ids(),
    },
    SubscriptionRenewed: {
        **_LICENSE,
        **_CYCLE,
        "subscription_id": ids(),
        "invoice_id": ids(),
        "amount_sats": amounts(),
    },
    SubscriptionRenewalFailed: {
        **_SUBSCRIPTION,
        **_REASON,
        "consecutive_failures": st.integers(1, 1_000),
        "next_attempt_at": instants().map(rfc3339),
    },
    SubscriptionRenewalSkipped: {
        **_SUBSCRIPTION,
        "policy_slug": slugs(),
        "reason": st.just(POLICY_ARCHIVED) | texts(),
    },
    SubscriptionLapsed: _SUBSCRIPTION,
    SubscriptionCancelled: {
        **_SUBSCRIPTION,
        "actor": st.sampled_from(["admin", "buyer"]),
        "reason": st.none() | texts(),
    },
    MachineActivated: {**_MACHINE, "fingerprint_hash": digests()},
    MachineDeactivated: {**_MACHINE, **_REASON},
    InvoiceOpened: _INVOICE,
    ProviderInvoiceRecorded: {"invoice_id": ids(), "provider_invoice_id": ids()},
    InvoicePaid: _SALE,
    InvoiceExpired: {**_SALE, "status": st.sampled_from(_ENDED).map(str)},
    InvoiceRefunded: _SALE,
    InvoiceSettled: {**_SALE, "settled_by": st.none() | st.sampled_from(SettledBy).map(str)},
    InvoiceCharged: {"invoice_id": ids(), "state": st.sampled_from(ChargeState).map(str)},
    ProviderConnected: {**_ACCOUNT, **_PROFILE},
    ProviderDisconnected: {**_ACCOUNT, **_PROFILE},
    ProviderFailing: {**_ACCOUNT, "problem": texts()},
    ProviderRecovered: _ACCOUNT,
    ProviderWebhookRegistered: _ACCOUNT,
    ProviderWebhookMoved: _ACCOUNT,
    ProviderWebhookFailing: {**_ACCOUNT, "problem": texts()},
    ProviderWebhookRecovered: _ACCOUNT,
    RateRefreshed: {"currency": texts(), "units_per_btc": texts(), "source": texts()},
    RateDoubted: {"currency": texts(), "believed": st.none() | texts()},
    PaymentSaved: {"invoice_id": ids()},
    TipChanged: {"tip_id": ids(), "license_id": ids(), "status": texts()},
    RatePinned: {"currency": texts(), "units_per_btc": st.none() | texts()},
    WebhookEndpointCreated: {**_ENDPOINT, "event_types": _FIELD_NAMES},
    WebhookEndpointUpdated: {**_ENDPOINT, "fields": _FIELD_NAMES},
    WebhookEndpointDeleted: {**_ENDPOINT, "dead_deliveries": st.integers(0, 1_000)},
    WebhookDeliveryRetried: {**_ENDPOINT, "webhook_delivery_id": ids()},
    WebhookEventsReplayed: {**_ENDPOINT, "queued_deliveries": st.integers(0, 1_000)},
    WebhookTest: {"webhook_endpoint_id": ids()},
    SettingChanged: {"setting": texts(), "value": texts()},
    ApiKeyCreated: {"api_key_id": ids(), "role": st.sampled_from(Role), "scopes": _FIELD_NAMES},
    ApiKeyRevoked: {"api_key_id": ids()},
    WebPasswordChanged: {"is_set": st.booleans(), "ended_sessions": st.integers(0, 100)},
}

EVENT_KINDS: Final = tuple(_FIELDS)
"""Every event there is."""


def events(kind: type[_Event], /, **fixed: Any) -> SearchStrategy[_Event]:
    """Events of one kind."""
    return built(kind, fixed, **_FIELDS[kind])


def domain_events() -> SearchStrategy[DomainEvent]:
    """Events of every kind."""
    return cast("SearchStrategy[DomainEvent]", st.one_of([events(kind) for kind in EVENT_KINDS]))


def outbox_events(**fixed: Any) -> SearchStrategy[OutboxEvent]:
    """Events as rows; the body is the one that ``outbox_event`` fixes."""
    rows = st.builds(outbox_event, domain_events(), event_id=ids().map(EventId), now=instants())
    if not fixed:
        return rows
    return rows.map(lambda row: msgspec.structs.replace(row, **fixed))
