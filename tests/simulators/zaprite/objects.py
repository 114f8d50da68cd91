"""The JSON objects the Zaprite double shows, exactly as the API documents them.

An order has a ``totalAmount`` and no ``amount``.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from tests.simulators.zaprite.contact import Contact, PaymentProfile
from tests.simulators.zaprite.order import Order, Transaction


@lru_cache(maxsize=4_096)
def instant_text(instant: int) -> str:
    """Write a Unix second as JavaScript does: 2027-01-15T08:00:00.000Z."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def order_object(order: Order, contact: Contact | None, *, shows_nulls: bool) -> dict[str, Any]:
    """Show an order.

    Args:
        order: The order.
        contact: Its contact, if it has one.
        shows_nulls: Whether an optional field without a value is null instead of absent.
    """
    optional = {
        "externalUniqId": order.external_uniq_id,
        "expiresAt": None if order.expires_at is None else instant_text(order.expires_at),
        "paidAt": None if order.paid_at is None else instant_text(order.paid_at),
        "contact": None if contact is None else _contact_summary(contact),
    }
    if not shows_nulls:
        optional = {name: value for name, value in optional.items() if value is not None}
    return {
        "id": order.id,
        "orgId": order.org_id,
        "status": order.status,
        "totalAmount": order.total_amount,
        "currency": order.currency,
        "checkoutUrl": order.checkout_url,
        "createdAt": instant_text(order.created_at),
        "label": order.label,
        "metadata": order.metadata,
        "customerData": {name: order.customer.get(name) for name in ("email", "name", "company")},
        "customCheckoutId": order.custom_checkout_id,
        "orderType": "api",
        "paymentLink": None,
        "invoice": None,
        "transactions": [_transaction_object(t, order) for t in order.transactions],
        **optional,
    }


def contact_object(contact: Contact, now: int) -> dict[str, Any]:
    """Show a contact with the saved profiles that have appeared by now."""
    return {
        "id": contact.id,
        "orgId": contact.org_id,
        "legalName": contact.legal_name,
        "displayName": contact.display_name,
        "email": contact.email,
        "createdAt": instant_text(contact.created_at),
        "paymentProfiles": [_profile_object(profile) for profile in contact.visible_profiles(now)],
    }


def _contact_summary(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "legalName": contact.legal_name,
        "displayName": contact.display_name,
    }


def _profile_object(profile: PaymentProfile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "method": profile.method,
        "expiresAt": None if profile.expires_at is None else instant_text(profile.expires_at),
        "sourceOrder": {
            "id": profile.source_order_id,
            "externalUniqId": profile.source_external_uniq_id,
        },
    }


def _transaction_object(transaction: Transaction, order: Order) -> dict[str, Any]:
    return {
        "id": transaction.id,
        "status": transaction.status,
        "method": transaction.method,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "amountInOrderCurrency": transaction.amount_in_order_currency,
        "orderCurrency": order.currency,
        "externalRef": transaction.external_ref,
        "pluginSlug": None,
        "createdAt": instant_text(transaction.created_at),
    }
