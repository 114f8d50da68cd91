"""The sandbox's webhooks: their body, their signature and reading them. Bytes and values only."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from keysat_adapters.sandbox.invoice import SandboxInvoice, Webhook
from keysat_core.domain.instant import Instant
from keysat_core.domain.payment import ProviderNotice, ProviderStatus
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError, NotAuthentic

SIGNATURE_HEADER: Final = "sandbox-sig"
"""As BTCPay's ``BTCPay-Sig``, under a name of its own (payments 6.8)."""

_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")


class _Notice(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    invoice_id: str | None = None
    delivery_id: str | None = None
    original_delivery_id: str | None = None


_CLAIMS: Final[Mapping[str, ProviderStatus]] = {
    "InvoiceSettled": ProviderStatus.SETTLED,
    "InvoiceExpired": ProviderStatus.EXPIRED,
    "InvoiceInvalid": ProviderStatus.INVALID,
}
"""What a webhook says of its whole invoice, as BTCPay's do (payments 6.8)."""


def sign(secret: Secret, body: bytes) -> str:
    """Give the signature header of a body: ``sha256=`` and 64 lower-case hex digits.

    Raises:
        InvariantError: the secret is empty, so that anybody could sign.
    """
    key = secret.reveal().encode()
    if not key:
        raise InvariantError("webhook_secret", "must not be empty")
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def read_webhook(secret: Secret, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
    """Verify and read a webhook. Header names are lower-case.

    Raises:
        NotAuthentic: not signed with this secret, the secret is empty, or the body is unreadable.
    """
    claimed = _SIGNATURE.fullmatch(headers.get(SIGNATURE_HEADER, ""))
    if claimed is None or not secret.reveal():
        raise NotAuthentic
    expected = sign(secret, body).removeprefix("sha256=")
    if not hmac.compare_digest(bytes.fromhex(claimed[1]), bytes.fromhex(expected)):
        raise NotAuthentic
    try:
        notice = msgspec.json.decode(body, type=_Notice)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise NotAuthentic from exc
    return ProviderNotice(
        type=notice.type,
        provider_invoice_id=notice.invoice_id or None,
        delivery_id=notice.delivery_id,
        original_delivery_id=notice.original_delivery_id,
        claim=_CLAIMS.get(notice.type),
    )


def first_body(
    webhook: Webhook, invoice: SandboxInvoice, *, delivery_id: str, now: Instant
) -> bytes:
    """Write a webhook's body: two-space indent, the type's own fields first (payments 6.8)."""
    return _written(
        {
            **webhook.fields,
            "deliveryId": delivery_id,
            "webhookId": "sandbox",
            "originalDeliveryId": delivery_id,
            "isRedelivery": False,
            "type": webhook.type,
            "timestamp": now,
            "storeId": "sandbox",
            "invoiceId": invoice.id,
            "metadata": {"orderId": invoice.invoice_id},
        }
    )


def repeated_body(body: bytes, *, delivery_id: str) -> bytes:
    """Write the body of a repeat: a new delivery id; the event and its time stay (payments 6.8)."""
    fields = msgspec.json.decode(body, type=dict[str, object])
    return _written(fields | {"deliveryId": delivery_id, "isRedelivery": True})


def _written(fields: dict[str, object]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(fields), indent=2)
