"""Zaprite's JSON, read into our words and written from them. Bytes and values only.

Contacts and what they let be saved are ``contact_wire``'s.

Nothing documented binds Zaprite to much of this: what is marked † was taken from clients in use, or
assumed, and is to be checked against a sandbox organization before a release. So everything is read
leniently, and whatever means money is read from an allowlist. Source: payments 7, Zaprite API.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from keysat_adapters.outbound.answer import Unreadable
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import (
    InvoiceOrder,
    ProviderInvoice,
    ProviderReport,
    ProviderStatus,
)
from keysat_core.domain.web_address import checked_page
from keysat_core.errors import InvariantError

Fields = Mapping[str, Any]

EXPIRY_SECONDS: Final = 86_400
"""An order can be paid for a day, longer only while a payment is under way (payments 7.2)."""

METADATA_PAIRS_MAX: Final = 50
METADATA_CHARS_MAX: Final = 1_000
"""Zaprite refuses more (payments 7.2)."""

ID_CHARS_MAX: Final = 128
"""Longest id believed to be one; Zaprite's have about 25 characters."""

STATUS_CHARS_MAX: Final = 40
"""How much of a status nobody knows is kept."""

DETAIL_CHARS_MAX: Final = 300
"""Bodies of errors may carry personal data: at most this much is kept (payments 1.2)."""

OVERPAID: Final = "OVERPAID"
"""More was paid than asked."""

PAID_STATUSES: Final = frozenset({"PAID", "COMPLETE", OVERPAID})
"""The only words that mean money, compared exactly (payments 7.3, 7.6)."""

PROCESSING: Final = "PROCESSING"
"""A payment was seen and is not final."""

_PENDING: Final = frozenset({"PENDING", PROCESSING, "UNDERPAID"})
_ENDED: Final[Mapping[str, ProviderStatus]] = {
    "ABANDONED": ProviderStatus.EXPIRED,
    "EXPIRED": ProviderStatus.EXPIRED,  # †
    "CANCELED": ProviderStatus.INVALID,  # †
    "CANCELLED": ProviderStatus.INVALID,  # †
    "INVALID": ProviderStatus.INVALID,  # †
    "REFUNDED": ProviderStatus.REFUNDED,  # †
}

_TO_CURRENCY: Final[Mapping[Currency, str]] = {
    Currency.SAT: "BTC",
    Currency.USD: "USD",
    Currency.EUR: "EUR",
}
_FROM_CURRENCY: Final = {theirs: ours for ours, theirs in _TO_CURRENCY.items()}
"""Amounts are whole numbers of the smallest unit; those in ``BTC`` count sats (payments 5)."""

_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\xa0-\uffff]+")


# --- what we send -------------------------------------------------------------------------------


def order_body(order: InvoiceOrder, now: Instant, *, contact_id: str | None) -> dict[str, Any]:
    """Write an order; with a contact its payer may be asked to save the card (payments 7.2)."""
    metadata = {
        key: value[:METADATA_CHARS_MAX]
        for key, value in list(order.metadata.items())[:METADATA_PAIRS_MAX]
    }
    body: dict[str, Any] = {
        "amount": order.price.amount,
        "currency": _TO_CURRENCY[order.price.currency],
        "externalUniqId": order.invoice_id,
        "redirectUrl": order.redirect_url,
        "label": f"Keysat order {order.invoice_id}",
        "metadata": metadata,
        "expiresAt": rfc3339(Instant(now + (order.pays_within_seconds or EXPIRY_SECONDS))),
    }
    if order.buyer_email is not None:
        body["customerData"] = {"email": order.buyer_email}
    if contact_id is not None:
        body |= {"contactId": contact_id, "allowSavePaymentProfile": True}
    return body


def webhook_body(url: str) -> dict[str, Any]:
    """Write the registration of a webhook (payments 7.4 †)."""
    return {"url": url}


# --- what we read -------------------------------------------------------------------------------


def read_object(body: bytes) -> Fields:
    """Read one JSON object.

    Raises:
        Unreadable: it is none.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise Unreadable("the answer is no JSON") from exc
    if not isinstance(value, dict):
        raise Unreadable("the answer is no JSON object")
    return value


def id_of(fields: Fields, *, what: str) -> str:
    """Give the id an answer must have.

    Raises:
        Unreadable: it has none.
    """
    value = fields.get("id")
    if not is_id(value):
        raise Unreadable(f"the {what} has no id")
    return str(value)


def is_id(value: object) -> bool:
    """Tell whether a value can be an id."""
    return isinstance(value, str) and 0 < len(value) <= ID_CHARS_MAX and value.isprintable()


def created_order(order: Fields) -> ProviderInvoice:
    """Read an order as something the buyer can be sent to.

    Raises:
        Unreadable: it has no id, or no absolute address to pay at.
    """
    said = order.get("checkoutUrl")
    try:
        url = checked_page(said if isinstance(said, str) else "", field="checkoutUrl")
    except InvariantError:
        raise Unreadable("the order has no checkoutUrl") from None
    return ProviderInvoice(provider_invoice_id=id_of(order, what="order"), checkout_url=url)


def report_of(order: Fields) -> ProviderReport:
    """Say how an order stands. A status that is not known leaves it pending (payments 7.3)."""
    said = order.get("status")
    status = ProviderStatus.PENDING
    if is_paid_status(said):
        status = ProviderStatus.SETTLED
    elif isinstance(said, str):
        status = _ENDED.get(said, ProviderStatus.PENDING)
    is_end = status in {ProviderStatus.EXPIRED, ProviderStatus.INVALID}
    return ProviderReport(
        status=status,
        is_processing=said == PROCESSING,
        is_overpaid=said == OVERPAID,
        price=_money(order.get("totalAmount"), order.get("currency")),
        paid=_paid(order),
        raw_status=raw_status_of(order),
        doubted_after=PROCESSING if is_end else None,
    )


def is_paid_status(said: object) -> bool:
    """Tell whether a status means money: only three words do, spelled exactly so."""
    return isinstance(said, str) and said in PAID_STATUSES


def is_unpaid(order: Fields) -> bool:
    """Tell whether an order is open and no payment of it arrived or is under way.

    Of its transactions only those that were canceled are nothing; any other word may be money.
    """
    transactions = order.get("transactions")
    if order.get("status") != "PENDING" or not isinstance(transactions, list | None):
        return False
    return all(
        isinstance(one, dict) and one.get("status") == "CANCELED" for one in transactions or ()
    )


def is_known_status(said: object) -> bool:
    """Tell whether a status is one of those we know."""
    return isinstance(said, str) and (said in PAID_STATUSES or said in _PENDING or said in _ENDED)


def raw_status_of(answer: Fields) -> str:
    """Spell the status an answer gives, for the record."""
    said = answer.get("status")
    if not isinstance(said, str):
        return "(no status)"
    return _UNPRINTABLE.sub(" ", said)[:STATUS_CHARS_MAX] or "(empty)"


def external_id_of(order: Fields) -> str | None:
    """Give the id of ours that an order carries."""
    value = order.get("externalUniqId")
    return value if isinstance(value, str) else None


def created_at_of(order: Fields) -> str:
    """Give what sorts orders by age: RFC 3339 in UTC, as Zaprite always spells it."""
    value = order.get("createdAt")
    return value if isinstance(value, str) else ""


def items_of(page: Fields) -> list[Fields]:
    """Give the objects on a page of a list."""
    items = page.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def problem_text(_: int, body: bytes) -> str:
    """Give what an error says in its own words; a proxy's page says nothing (payments 7.1)."""
    try:
        fields = read_object(body)
    except Unreadable:
        return ""
    issues = fields.get("issues")
    texts = [fields.get("code"), fields.get("message")]
    if isinstance(issues, list):
        texts += [issue.get("message") for issue in issues if isinstance(issue, dict)]
    said = ": ".join(dict.fromkeys(text for text in texts if isinstance(text, str) and text))
    return _UNPRINTABLE.sub(" ", said)[:DETAIL_CHARS_MAX]


def _money(amount: object, currency: object) -> Money | None:
    ours = _FROM_CURRENCY.get(currency) if isinstance(currency, str) else None
    if ours is None or isinstance(amount, bool) or not isinstance(amount, int):
        return None
    try:
        return Money(currency=ours, amount=amount)
    except InvariantError:
        return None


def _paid(order: Fields) -> Money | None:
    """Add up what is confirmed, in the order's currency; None when it cannot be told."""
    transactions = order.get("transactions")
    if not isinstance(transactions, list):
        return None
    total = 0
    for transaction in transactions:
        if not isinstance(transaction, dict):
            return None
        if transaction.get("status") != "CONFIRMED":
            continue
        part = _money(transaction.get("amountInOrderCurrency"), order.get("currency"))
        if part is None or transaction.get("orderCurrency") != order.get("currency"):
            return None
        total += part.amount
    return _money(total, order.get("currency"))
