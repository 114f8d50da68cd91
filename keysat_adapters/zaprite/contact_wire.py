"""Zaprite's contacts, what they let be saved, and charges of it: read into our words and written.

As in ``wire``, nothing documented binds Zaprite to what is marked †. Source: payments 7.1, 7.2, 7.6.
"""

from datetime import datetime
from typing import Any

from keysat_adapters.zaprite.wire import STATUS_CHARS_MAX, Fields, external_id_of, is_id
from keysat_core.domain.instant import Instant
from keysat_core.domain.saved_payment import SavedProfile
from keysat_core.limits import INSTANT_MAX


def contact_body(email: str) -> dict[str, Any]:
    """Write a contact. A legal name is required, and we know no other (payments 7.2)."""
    return {"email": email, "legalName": email}


def charge_body(order_id: str, profile_id: str) -> dict[str, Any]:
    """Write a charge of a saved profile (payments 7.6 †)."""
    return {"orderId": order_id, "paymentProfileId": profile_id}


def contact_id_of(order: Fields) -> str | None:
    """Give the contact an order belongs to (payments 7.1, call 3)."""
    contact = order.get("contact")
    for value in (contact.get("id") if isinstance(contact, dict) else None, order.get("contactId")):
        if is_id(value):
            return str(value)
    return None


def profiles_of(contact: Fields, contact_id: str) -> list[tuple[str | None, SavedProfile]]:
    """Give the saved profiles of a contact (†), each with the id of ours it was saved with."""
    listed = contact.get("paymentProfiles")
    found: list[tuple[str | None, SavedProfile]] = []
    for profile in listed if isinstance(listed, list) else ():
        if not isinstance(profile, dict) or not is_id(profile.get("id")):
            continue
        source = profile.get("sourceOrder")
        method = profile.get("method")
        saved = SavedProfile(
            contact_id=contact_id,
            profile_id=str(profile["id"]),
            method=method[:STATUS_CHARS_MAX] if isinstance(method, str) else None,
            expires_at=_instant(profile.get("expiresAt")),
        )
        found.append((external_id_of(source) if isinstance(source, dict) else None, saved))
    return found


def _instant(value: object) -> Instant | None:
    """Read when a profile expires (†); not said by an unreadable text, a year 1 or a year 10000."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        seconds = int(moment.timestamp()) if moment.tzinfo else 0
    except (ValueError, OverflowError):
        return None
    return Instant(seconds) if 0 < seconds <= INSTANT_MAX else None
