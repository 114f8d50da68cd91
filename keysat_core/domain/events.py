"""Domain events: what changed, as a tagged union, and the body they leave the outbox with.

Source: lifecycles 10.1-10.2 and decisions 14. Events with ``is_published`` False stay inside the
outbox: the published catalogue has no name for them (admin-api 2.5).
"""

from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from keysat_core.domain.document import JSONValue
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import Instant, rfc3339, rfc3339_or_none
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.machine import Machine
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product

SOURCE_PURCHASE: Final = "purchase"
SOURCE_ADMIN: Final = "admin_issue"


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of every event. ``event_type`` is its published name; the fields are its ``data``."""

    event_type: ClassVar[str]
    is_published: ClassVar[bool] = True


class ProductCreated(Event, frozen=True, kw_only=True):
    """An operator created a product."""

    event_type = "product.created"
    product: dict[str, JSONValue]


class ProductUpdated(Event, frozen=True, kw_only=True):
    """An operator changed a product or took it on or off sale."""

    event_type = "product.updated"
    is_published = False
    product_id: str
    fields: tuple[str, ...]


class ProductDeleted(Event, frozen=True, kw_only=True):
    """An operator deleted a product and what depended on it."""

    event_type = "product.deleted"
    is_published = False
    product_id: str
    slug: str


class PolicyCreated(Event, frozen=True, kw_only=True):
    """An operator created a tier."""

    event_type = "policy.created"
    is_published = False
    policy_id: str
    product_id: str
    slug: str


class PolicyUpdated(Event, frozen=True, kw_only=True):
    """An operator changed, archived, hid or reordered a tier."""

    event_type = "policy.updated"
    is_published = False
    policy_id: str
    product_id: str
    fields: tuple[str, ...]


class PolicyDeleted(Event, frozen=True, kw_only=True):
    """An operator deleted a tier and what depended on it."""

    event_type = "policy.deleted"
    is_published = False
    policy_id: str
    product_id: str
    slug: str


class MerchantProfileCreated(Event, frozen=True, kw_only=True):
    """An operator created a merchant profile."""

    event_type = "merchant_profile.created"
    is_published = False
    merchant_profile_id: str
    name: str


class MerchantProfileUpdated(Event, frozen=True, kw_only=True):
    """An operator changed a merchant profile, made it the default, or chose who collects for it."""

    event_type = "merchant_profile.updated"
    is_published = False
    merchant_profile_id: str
    fields: tuple[str, ...]


class MerchantProfileDeleted(Event, frozen=True, kw_only=True):
    """An operator deleted a merchant profile."""

    event_type = "merchant_profile.deleted"
    is_published = False
    merchant_profile_id: str
    name: str


class LicenseIssued(Event, frozen=True, kw_only=True):
    """A license exists. ``source``: ``purchase`` or ``admin_issue``."""

    event_type = "license.issued"
    license_id: str
    product_id: str
    invoice_id: str | None
    policy_id: str | None
    is_trial: bool
    expires_at: str | None
    entitlements: tuple[str, ...]
    source: str


class LicenseRevoked(Event, frozen=True, kw_only=True):
    """A license ended for good."""

    event_type = "license.revoked"
    license_id: str
    reason: str


class LicenseSuspended(Event, frozen=True, kw_only=True):
    """A license was stopped for a while."""

    event_type = "license.suspended"
    license_id: str
    reason: str


class LicenseUnsuspended(Event, frozen=True, kw_only=True):
    """A suspension was lifted."""

    event_type = "license.unsuspended"
    license_id: str


class MachineActivated(Event, frozen=True, kw_only=True):
    """A new seat was taken."""

    event_type = "machine.activated"
    license_id: str
    machine_id: str
    fingerprint_hash: str


class MachineDeactivated(Event, frozen=True, kw_only=True):
    """A seat was freed."""

    event_type = "machine.deactivated"
    license_id: str
    machine_id: str
    reason: str


class InvoiceOpened(Event, frozen=True, kw_only=True):
    """A buyer started a purchase."""

    event_type = "invoice.opened"
    is_published = False
    invoice_id: str
    product_id: str
    amount_sats: int


class ProviderInvoiceRecorded(Event, frozen=True, kw_only=True):
    """A provider was asked to collect a purchase, and its invoice is known."""

    event_type = "invoice.provider_invoice_recorded"
    is_published = False
    invoice_id: str
    provider_invoice_id: str


class InvoicePaid(Event, frozen=True, kw_only=True):
    """A payment was confirmed."""

    event_type = "invoice.paid"
    invoice_id: str
    product_id: str
    policy_id: str | None
    amount_sats: int


class InvoiceExpired(Event, frozen=True, kw_only=True):
    """A sale ended unpaid: in time, in vain, or before it began. ``status``: expired or invalid."""

    event_type = "invoice.expired"
    invoice_id: str
    product_id: str
    policy_id: str | None
    amount_sats: int
    status: str


class InvoiceRefunded(Event, frozen=True, kw_only=True):
    """The provider gave the money back or withdrew its confirmation; nothing is revoked by itself."""

    event_type = "invoice.refunded"
    invoice_id: str
    product_id: str
    policy_id: str | None
    amount_sats: int


class ProviderConnected(Event, frozen=True, kw_only=True):
    """A payment provider was connected to a merchant profile."""

    event_type = "payment_provider.connected"
    is_published = False
    provider_id: str
    kind: str
    merchant_profile_id: str


class ProviderDisconnected(Event, frozen=True, kw_only=True):
    """A payment provider was disconnected; its invoices stay."""

    event_type = "payment_provider.disconnected"
    is_published = False
    provider_id: str
    kind: str
    merchant_profile_id: str


class ProviderFailing(Event, frozen=True, kw_only=True):
    """A payment provider needs its operator. ``problem``: unreachable, credential_dead, cannot_sell."""

    event_type = "payment_provider.failing"
    provider_id: str
    kind: str
    problem: str


class ProviderRecovered(Event, frozen=True, kw_only=True):
    """A payment provider that was failing answers as it should again."""

    event_type = "payment_provider.recovered"
    provider_id: str
    kind: str


class RatePinned(Event, frozen=True, kw_only=True):
    """An operator fixed what a bitcoin costs, or (None) no longer does."""

    event_type = "rate.pinned"
    is_published = False
    currency: str
    units_per_btc: str | None


class SettingChanged(Event, frozen=True, kw_only=True):
    """An operator changed a setting while the server runs."""

    event_type = "setting.changed"
    is_published = False
    setting: str
    value: str


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
    | MachineActivated
    | MachineDeactivated
    | InvoiceOpened
    | ProviderInvoiceRecorded
    | InvoicePaid
    | InvoiceExpired
    | InvoiceRefunded
    | ProviderConnected
    | ProviderDisconnected
    | ProviderFailing
    | ProviderRecovered
    | RatePinned
    | SettingChanged
)


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


# --- events of an entity ------------------------------------------------------------------------


def product_created(product: Product) -> ProductCreated:
    """Describe a new product in the published shape of Product (admin-api 2.1)."""
    catalog = [msgspec.to_builtins(entry) for entry in product.entitlements_catalog]
    return ProductCreated(
        product={
            "id": product.id,
            "slug": product.slug,
            "name": product.name,
            "description": product.description,
            "price_sats": product.price_sats,
            "price_currency": str(product.price.currency),
            "price_value": product.price.amount,
            "active": product.active,
            "metadata": product.metadata,
            "entitlements_catalog": catalog or None,
            "merchant_profile_id": product.merchant_profile_id,
            "created_at": rfc3339(product.created_at),
            "updated_at": rfc3339(product.updated_at),
        }
    )


def policy_updated(policy: Policy, *fields: str) -> PolicyUpdated:
    """Describe a changed tier by the names of the fields that were sent."""
    return PolicyUpdated(policy_id=policy.id, product_id=policy.product_id, fields=fields)


def license_issued(license: License, source: str) -> LicenseIssued:
    """Describe a new license."""
    return LicenseIssued(
        license_id=license.id,
        product_id=license.product_id,
        invoice_id=license.invoice_id,
        policy_id=license.policy_id,
        is_trial=license.is_trial,
        expires_at=rfc3339_or_none(license.expires_at),
        entitlements=license.entitlements,
        source=source,
    )


def machine_activated(machine: Machine) -> MachineActivated:
    """Describe a new seat."""
    return MachineActivated(
        license_id=machine.license_id,
        machine_id=machine.id,
        fingerprint_hash=machine.fingerprint_hash,
    )


def machine_deactivated(machine: Machine) -> MachineDeactivated:
    """Describe a freed seat."""
    return MachineDeactivated(
        license_id=machine.license_id,
        machine_id=machine.id,
        reason=machine.deactivation_reason or "",
    )


def invoice_paid(invoice: Invoice) -> InvoicePaid:
    """Describe a confirmed payment."""
    return InvoicePaid(
        invoice_id=invoice.id,
        product_id=invoice.product_id,
        policy_id=invoice.policy_id,
        amount_sats=invoice.amount_sats,
    )


def invoice_ended(invoice: Invoice) -> InvoiceExpired:
    """Describe a sale that ended unpaid."""
    return InvoiceExpired(
        invoice_id=invoice.id,
        product_id=invoice.product_id,
        policy_id=invoice.policy_id,
        amount_sats=invoice.amount_sats,
        status=invoice.status,
    )
