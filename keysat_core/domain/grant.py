"""Licenses an operator gives away: their terms, and the records they leave (lifecycles 2.4)."""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.entitlement import checked_entitlements
from keysat_core.domain.events import SOURCE_ADMIN, OutboxEvent, license_issued, outbox_event
from keysat_core.domain.ids import EventId, LicenseId
from keysat_core.domain.instant import Instant, checked_instant, rfc3339_or_none
from keysat_core.domain.license import License, with_terms
from keysat_core.domain.policy import Policy, Terms, terms_of_grant
from keysat_core.domain.product import Product
from keysat_core.domain.text import optional_text
from keysat_core.limits import (
    EMAIL_CHARS_MAX,
    LICENSE_OVERHEAD_BYTES,
    NAME_CHARS_MAX,
    NOTE_CHARS_MAX,
)

_TERMS: Final = ("grace_seconds", "max_machines", "is_trial", "entitlements")


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets a license, and what the operator wants to remember. Blank means absent."""

    buyer_email: str | None = None
    nostr_npub: str | None = None
    note: str | None = None


class Grant(Receiver, frozen=True, kw_only=True):
    """A license to give away. Terms left None come from the policy, else from the defaults."""

    product_slug: str
    policy_slug: str | None = None
    expires_at: Instant | None = None
    entitlements: tuple[str, ...] | None = None
    max_machines: int | None = None
    grace_seconds: int | None = None
    is_trial: bool | None = None


def granted_license(
    grant: Grant, product: Product, policy: Policy | None, *, license_id: LicenseId, now: Instant
) -> License:
    """Make the license of a grant that is issued now.

    Raises:
        InvariantError: a field breaks a rule.
    """
    bare = License(
        id=license_id,
        product_id=product.id,
        policy_id=policy.id if policy else None,
        issued_at=now,
    )
    license = with_receiver(with_terms(bare, _terms(grant, policy), now), grant)
    checked_entitlements(license.entitlements)
    if grant.expires_at is None:
        return license
    explicit = checked_instant(grant.expires_at, field="expires_at")
    return msgspec.structs.replace(license, expires_at=explicit)


def with_receiver(license: License, receiver: Receiver) -> License:
    """Say who gets a license.

    Raises:
        InvariantError: a field breaks a rule.
    """
    note = optional_text(receiver.note, field="note", chars_max=NOTE_CHARS_MAX)
    return msgspec.structs.replace(
        license,
        buyer_email=optional_text(
            receiver.buyer_email, field="buyer_email", chars_max=EMAIL_CHARS_MAX
        ),
        nostr_npub=optional_text(receiver.nostr_npub, field="nostr_npub", chars_max=NAME_CHARS_MAX),
        metadata={"source": SOURCE_ADMIN} | ({"note": note} if note else {}),
    )


def granted_bytes(license: License) -> int:
    """Say about how much a license and its key take: their overhead, and every text they carry."""
    note = license.metadata.get("note") if isinstance(license.metadata, dict) else None
    texts = (*license.entitlements, license.buyer_email, license.nostr_npub, note)
    return LICENSE_OVERHEAD_BYTES + sum(
        len(text.encode()) for text in texts if isinstance(text, str)
    )


def grant_audited(actor: Actor, license: License, now: Instant) -> AuditEntry:
    """Describe who gave a license away."""
    return audited(
        actor,
        "license.issue_manual",
        now,
        target=("license", license.id),
        product_id=license.product_id,
        policy_id=license.policy_id,
        is_trial=license.is_trial,
        expires_at=rfc3339_or_none(license.expires_at),
        entitlements=license.entitlements,
    )


def grant_told(license: License, event_id: EventId, now: Instant) -> OutboxEvent:
    """Tell of a license that was given away."""
    return outbox_event(license_issued(license, SOURCE_ADMIN), event_id=event_id, now=now)


def _terms(grant: Grant, policy: Policy | None) -> Terms:
    explicit = {field: value for field in _TERMS if (value := getattr(grant, field)) is not None}
    return msgspec.structs.replace(terms_of_grant(policy), **explicit)
