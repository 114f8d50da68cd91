"""BTCPay's webhooks: their signature and reading them. Bytes and values only.

Source: payments 6.8. A webhook proves nothing but who sent it: it is a hint to ask.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from keysat_core.domain.payment import ProviderNotice, ProviderStatus
from keysat_core.domain.secret import Secret
from keysat_core.errors import NotAuthentic

SIGNATURE_HEADER: Final = "btcpay-sig"

CLAIMS: Final[Mapping[str, ProviderStatus]] = {
    "InvoiceSettled": ProviderStatus.SETTLED,
    "InvoiceExpired": ProviderStatus.EXPIRED,
    "InvoiceInvalid": ProviderStatus.INVALID,
}
"""What a type says of its whole invoice; one settled payment may be a part of it."""

LOOKED_AT: Final = frozenset({*CLAIMS, "InvoicePaymentSettled", "InvoiceProcessing"})
"""Types worth asking the provider about; of the others there is only a record."""

FOREIGN_STORE: Final = "foreign store"
"""How the record names an authentic webhook about another store."""

_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")
_TYPE_CHARS_MAX: Final = 64


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    invoice_id: str | None = None
    store_id: str | None = None
    delivery_id: str | None = None
    original_delivery_id: str | None = None


def sign(secret: Secret, body: bytes) -> str:
    """Give the signature of a body as BTCPay puts it into its header."""
    digest = hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def read_webhook(
    secret: Secret | None, store_id: str, headers: Mapping[str, str], body: bytes
) -> ProviderNotice:
    """Verify and read a webhook. Header names are lower-case; the body is as received.

    Raises:
        NotAuthentic: not signed with this secret, there is none, or the body is unreadable.
    """
    claimed = _SIGNATURE.fullmatch(headers.get(SIGNATURE_HEADER, ""))
    if claimed is None or secret is None or not secret.reveal():
        raise NotAuthentic
    expected = bytes.fromhex(sign(secret, body).removeprefix("sha256="))
    if not hmac.compare_digest(bytes.fromhex(claimed[1]), expected):
        raise NotAuthentic
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise NotAuthentic from exc
    is_foreign = read.store_id is not None and read.store_id != store_id
    is_worth_asking = read.type in LOOKED_AT and not is_foreign
    return ProviderNotice(
        type=FOREIGN_STORE if is_foreign else read.type[:_TYPE_CHARS_MAX],
        provider_invoice_id=(read.invoice_id or None) if is_worth_asking else None,
        delivery_id=read.delivery_id,
        original_delivery_id=read.original_delivery_id,
        claim=None if is_foreign else CLAIMS.get(read.type),
    )
