"""Events about licenses and their seats."""

from typing import Final

from keysat_core.domain.events.event import Event
from keysat_core.domain.instant import rfc3339_or_none
from keysat_core.domain.license import License
from keysat_core.domain.machine import Machine
from keysat_core.domain.tier_change import TierChange

SOURCE_PURCHASE: Final = "purchase"
SOURCE_ADMIN: Final = "admin_issue"


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


class LicenseTierChanged(Event, frozen=True, kw_only=True):
    """A license is on another tier. ``actor``: buyer, admin, or system for a scheduled change."""

    event_type = "license.tier_changed"
    license_id: str
    product_id: str
    from_policy_id: str | None
    to_policy_id: str
    to_policy_slug: str
    direction: str | None
    actor: str
    invoice_id: str | None
    tier_change_id: str
    applied_via: str | None


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


def license_tier_changed(
    change: TierChange,
    license: License,
    to_policy_slug: str,
    *,
    actor: str,
    applied_via: str | None = None,
) -> LicenseTierChanged:
    """Describe an applied change of tier."""
    return LicenseTierChanged(
        license_id=license.id,
        product_id=license.product_id,
        from_policy_id=change.from_policy_id,
        to_policy_id=change.to_policy_id,
        to_policy_slug=to_policy_slug,
        direction=change.direction,
        actor=actor,
        invoice_id=change.invoice_id,
        tier_change_id=change.id,
        applied_via=applied_via,
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
