"""What servers of lightning addresses answer. Source: LUD-16, LUD-06 (steps 1 to 6)."""

from typing import Final, TypeVar

import msgspec

from keysat_core.domain.lightning import LightningAddress, PayOffer
from keysat_core.errors import RecipientFailed
from keysat_core.limits import URL_CHARS_MAX

PAY_REQUEST: Final = "payRequest"

_Answer = TypeVar("_Answer")


class _Refusal(msgspec.Struct, frozen=True):
    """LUD-06: any step may be answered by a status and a reason."""

    status: object = None
    reason: object = None


class _Offer(msgspec.Struct, frozen=True, rename="camel"):
    callback: str
    min_sendable: int
    max_sendable: int
    metadata: str
    tag: str | None = None


class _Invoice(msgspec.Struct, frozen=True):
    pr: str


def address_url(address: LightningAddress) -> str:
    """LUD-16: where an address is asked."""
    return f"https://{address.domain}/.well-known/lnurlp/{address.user}"


def invoice_url(callback: str, amount_msat: int) -> str:
    """LUD-06, step 5: the callback with the amount, whatever it asks for already."""
    bare = callback.partition("#")[0]
    return f"{bare}{'&' if '?' in bare else '?'}amount={amount_msat}"


def read_offer(body: bytes) -> PayOffer:
    """Read what an address takes.

    Raises:
        RecipientFailed: it refuses, or asks for something other than a payment.
    """
    offer = _read(body, _Offer)
    if offer.tag not in {None, PAY_REQUEST}:
        raise RecipientFailed(f"its answer is a {offer.tag[:50]!r}, not a {PAY_REQUEST!r}")
    if not offer.callback.lower().startswith("https://"):
        raise RecipientFailed("its callback is not https")
    if len(offer.callback) > URL_CHARS_MAX:
        raise RecipientFailed("its callback is too long")
    return PayOffer(
        callback=offer.callback,
        sendable_msat_min=offer.min_sendable,
        sendable_msat_max=offer.max_sendable,
        metadata=offer.metadata,
    )


def read_invoice(body: bytes) -> str:
    """Read the invoice that was written for us, still encoded.

    Raises:
        RecipientFailed: there is none.
    """
    return _read(body, _Invoice).pr


def _read(body: bytes, kind: type[_Answer]) -> _Answer:
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise RecipientFailed("its answer is not a JSON object") from None
    if isinstance(refusal.status, str) and refusal.status.upper() == "ERROR":
        raise RecipientFailed(f"it refuses: {refusal.reason or 'without a reason'}")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise RecipientFailed(f"its answer cannot be used: {exc}") from exc
