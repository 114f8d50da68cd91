"""A registered webhook, what it has delivered, and the bytes and signature of one attempt."""

import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tests.simulators.btcpay.invoice_machine import Event
from tests.simulators.btcpay.invoices import Invoice
from tests.simulators.fault_plan import SignatureFlaw

RETRY_SECONDS: Final = (10, 60, *(600,) * 6)
"""How long after each failed attempt the next one is made; after the last none is."""
PRUNED_SECONDS: Final = 60 * 24 * 60 * 60
LOG_MAX: Final = 10_000
WRONG_SECRET: Final = "not-the-secret-of-this-webhook"  # noqa: S105 - it opens nothing


@dataclass(slots=True, kw_only=True)
class Occurrence:
    """One event of one invoice, addressed to one webhook; every attempt tells it again."""

    event: Event
    at: int
    store_id: str
    invoice_id: str | None
    metadata: dict[str, Any]
    has_metadata: bool = True


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One attempt and what became of it. ``status`` is None until it was sent."""

    id: str
    original_id: str
    is_redelivery: bool
    occurrence: Occurrence
    made_at: int
    sent_at: int = 0
    status: str | None = None
    http_code: int | None = None
    error: str | None = None
    body: bytes = b""

    def is_pruned(self, now: int) -> bool:
        return now - self.made_at > PRUNED_SECONDS


@dataclass(slots=True)
class Queued:
    """A place in a webhook's queue: one occurrence with all its retries.

    Attributes:
        retries: How many were made.
        is_judged: Whether the fault plan had its say about the next attempt.
    """

    delivery: Delivery
    retries: int = 0
    is_judged: bool = False


@dataclass(slots=True, kw_only=True)
class Webhook:
    """A registration with its queue, which restarts empty."""

    id: str
    store_id: str
    url: str
    secret: str = field(repr=False)
    is_enabled: bool = True
    automatic_redelivery: bool = True
    everything: bool = True
    specific_events: tuple[str, ...] = ()
    is_deleted: bool = False
    queue: deque[Queued] = field(default_factory=deque)
    blocked_until: int = 0
    is_sending: bool = False
    log: dict[str, Delivery] = field(default_factory=dict)

    def wants(self, event_type: str) -> bool:
        """Say whether it is to hear of an event type now."""
        if self.is_deleted or not self.is_enabled:
            return False
        return self.everything or event_type in self.specific_events

    def remember(self, delivery: Delivery) -> None:
        """Keep an attempt in the log, which loses its oldest when full."""
        self.log[delivery.id] = delivery
        if len(self.log) > LOG_MAX:
            del self.log[next(iter(self.log))]


def body_of(webhook_id: str, delivery: Delivery) -> bytes:
    """Write the body of an attempt: the type's own fields first, two spaces, line feeds."""
    occurrence = delivery.occurrence
    value: dict[str, Any] = {
        **occurrence.event.fields,
        "deliveryId": delivery.id,
        "webhookId": webhook_id,
        "originalDeliveryId": delivery.original_id,
        "isRedelivery": delivery.is_redelivery,
        "type": occurrence.event.type,
        "timestamp": occurrence.at,
        "storeId": occurrence.store_id,
    }
    if occurrence.invoice_id is not None:
        value["invoiceId"] = occurrence.invoice_id
        if occurrence.has_metadata:
            value["metadata"] = occurrence.metadata
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def occurrence_of(event: Event, invoice: Invoice, *, now: int, has_metadata: bool) -> Occurrence:
    """Tie an event to its invoice as it is now."""
    return Occurrence(
        event=event,
        at=now,
        store_id=invoice.store_id,
        invoice_id=invoice.id,
        metadata=invoice.metadata,
        has_metadata=has_metadata,
    )


def signature(secret: str, body: bytes) -> str:
    """Sign as the header ``BTCPay-Sig`` carries it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def flawed_signature(flaw: SignatureFlaw, secret: str, body: bytes) -> str | None:
    """Sign wrongly; None is no header at all."""
    sha1 = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    signed: dict[SignatureFlaw, str | None] = {
        SignatureFlaw.MISSING_HEADER: None,
        SignatureFlaw.WRONG_SECRET: signature(WRONG_SECRET, body),
        SignatureFlaw.EMPTY_KEY: signature("", body),
        SignatureFlaw.RESERIALIZED_BODY: signature(secret, msgspec.json.format(body, indent=-1)),
        SignatureFlaw.SHA1_PREFIX: f"sha1={sha1}",
        SignatureFlaw.NOT_HEX: "sha256=" + "z" * 64,
        SignatureFlaw.TRUNCATED: signature(secret, body)[:-2],
    }
    return signed[flaw]
