"""Licenses: the state machine, the standing at an instant, and the key a row stands for."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self, TypeAlias, assert_never

import msgspec

from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import check_stored_entitlements
from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, ProductId, is_uuid_text
from keysat_core.domain.instant import Instant
from keysat_core.domain.policy import Terms
from keysat_core.domain.text import checked_range
from keysat_core.errors import IllegalTransition, InvariantError
from keysat_core.limits import INSTANT_MAX, SEATS_MAX, SECONDS_MAX
from keysat_core.signing.keys import SigningKey
from keysat_core.signing.license_key import (
    FINGERPRINT_HASH_BYTES,
    FLAG_TRIAL,
    VERSION_WRITTEN,
    LicensePayload,
    encode_key,
    encode_payload,
)

NEVER: Final = 0
"""How a key spells that it never expires (lifecycles 1.2)."""

UNBOUND: Final = bytes(FINGERPRINT_HASH_BYTES)
"""Fingerprint hash of a key that is bound to no machine; the server issues no other (1.4)."""


class LicenseStatus(StrEnum):
    """What is stored; expired, grace and trial are derived."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


# Without reference cycles, so the collector can leave a hundred thousand of them alone.
class License(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A license. Terms were copied at issue: later edits of its policy do not reach it.

    ``fingerprint`` is the lock of a single-seat license: the raw string of the machine it is bound to.
    """

    id: LicenseId
    product_id: ProductId
    policy_id: PolicyId | None = None
    invoice_id: InvoiceId | None = None
    status: LicenseStatus = LicenseStatus.ACTIVE
    issued_at: Instant
    expires_at: Instant | None = None
    grace_seconds: int = 0
    max_machines: int = 1
    is_trial: bool = False
    entitlements: tuple[str, ...] = ()
    fingerprint: str | None = None
    buyer_email: str | None = None
    nostr_npub: str | None = None
    bound_identity: str | None = None
    metadata: JSONValue = msgspec.field(default_factory=dict)
    suspended_at: Instant | None = None
    suspension_reason: str | None = None
    revoked_at: Instant | None = None
    revocation_reason: str | None = None

    def __post_init__(self) -> None:
        if not (is_uuid_text(self.id) and is_uuid_text(self.product_id)):
            raise InvariantError("id", "must be a lower-case UUID: license keys pack it")
        checked_range(self.grace_seconds, field="grace_seconds", low=0, high=SECONDS_MAX)
        checked_range(self.max_machines, field="max_machines", low=0, high=SEATS_MAX)
        if self.expires_at is not None:
            checked_range(self.expires_at, field="expires_at", low=NEVER + 1, high=INSTANT_MAX)
        check_stored_entitlements(self.entitlements)

    def bind(self, fingerprint: str | None) -> Self:
        """Set or clear the single-seat lock."""
        return msgspec.structs.replace(self, fingerprint=fingerprint)


# --- state machine (lifecycles 2.1) -------------------------------------------------------------


class Suspend(msgspec.Struct, frozen=True, kw_only=True, tag="suspend"):
    """The operator stops a license for a while."""

    reason: str


class Reinstate(msgspec.Struct, frozen=True, kw_only=True, tag="reinstate"):
    """The operator lifts a suspension."""


class Revoke(msgspec.Struct, frozen=True, kw_only=True, tag="revoke"):
    """The operator ends a license for good."""

    reason: str


LicenseEvent: TypeAlias = Suspend | Reinstate | Revoke

TRANSITIONS: Final[Mapping[tuple[LicenseStatus, type[LicenseEvent]], LicenseStatus]] = {
    (LicenseStatus.ACTIVE, Suspend): LicenseStatus.SUSPENDED,
    (LicenseStatus.SUSPENDED, Reinstate): LicenseStatus.ACTIVE,
    (LicenseStatus.ACTIVE, Revoke): LicenseStatus.REVOKED,
    (LicenseStatus.SUSPENDED, Revoke): LicenseStatus.REVOKED,
}


def advance(license: License, event: LicenseEvent, *, now: Instant) -> License:
    """Apply an event. Suspension fields stay when a suspended license is revoked.

    Raises:
        IllegalTransition: the table has no such step.
    """
    status = TRANSITIONS.get((license.status, type(event)))
    if status is None:
        raise IllegalTransition("license", license.status, type(event).__name__.lower())
    replace = msgspec.structs.replace
    match event:
        case Suspend(reason=reason):
            return replace(license, status=status, suspended_at=now, suspension_reason=reason)
        case Reinstate():
            return replace(license, status=status, suspended_at=None, suspension_reason=None)
        case Revoke(reason=reason):
            return replace(license, status=status, revoked_at=now, revocation_reason=reason)
        case _:
            assert_never(event)


# --- standing at an instant (lifecycles 2.2) ----------------------------------------------------


class Standing(StrEnum):
    """Exactly one holds for any license at any instant."""

    VALID = "valid"
    GRACE = "grace"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


def grace_until(license: License) -> Instant | None:
    """When a license stops validating: its expiry plus its grace; None if perpetual.

    Never later than the last instant that can be spelled.
    """
    if license.expires_at is None:
        return None
    return Instant(min(license.expires_at + license.grace_seconds, INSTANT_MAX))


def standing(license: License, now: Instant) -> Standing:
    """Judge a license at an instant. Grace begins at ``expires_at`` and has ended at the cutoff."""
    match license.status:
        case LicenseStatus.ACTIVE:
            if license.expires_at is None or now < license.expires_at:
                return Standing.VALID
            cutoff = grace_until(license)
            return Standing.GRACE if cutoff is not None and now < cutoff else Standing.EXPIRED
        case LicenseStatus.SUSPENDED:
            return Standing.SUSPENDED
        case LicenseStatus.REVOKED:
            return Standing.REVOKED
        case _:
            assert_never(license.status)


# --- the key a row stands for (lifecycles 1.4) --------------------------------------------------


def payload_of(license: License) -> LicensePayload:
    """Describe the key of a license: a function of the row alone."""
    return LicensePayload(
        version=VERSION_WRITTEN,
        flags=FLAG_TRIAL if license.is_trial else 0,
        product_id=license.product_id,
        license_id=license.id,
        issued_at=license.issued_at,
        expires_at=NEVER if license.expires_at is None else license.expires_at,
        fingerprint_hash=UNBOUND,
        entitlements=license.entitlements,
    )


def key_of(license: License, signing_key: SigningKey) -> str:
    """Derive the key text. It is never stored: the same row always gives the same text."""
    payload = encode_payload(payload_of(license))
    return encode_key(payload, signing_key.sign(payload))


def with_terms(license: License, terms: Terms, now: Instant) -> License:
    """Copy the terms of a policy into a license that starts now."""
    return msgspec.structs.replace(
        license,
        expires_at=terms.expires_at(now),
        grace_seconds=terms.grace_seconds,
        max_machines=terms.max_machines,
        is_trial=terms.is_trial,
        entitlements=terms.entitlements,
    )
