"""Idempotency keys: the same request twice gives the first answer (public-api 6.1).

A buyer's key stands for the invoice it opened, so the answer is made anew. An operator's key stands
for the answer itself, whatever the request was.
"""

from typing import Final

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.errors import AnswerLost, IdempotencyKeyReused, InvariantError, RequestInFlight
from keysat_core.limits import (
    IDEMPOTENCY_SECONDS,
    OPERATOR_KEY_CHARS_MAX,
    REQUEST_SECONDS_MAX,
)

_FAULTS_FROM: Final = 500


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key, the digest of the request it first came with, and the invoice that request opened."""

    key: str
    request_digest: str
    invoice_id: InvoiceId
    created_at: Instant


class RequestKey(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key of which operation: ``actor_hash`` is the SHA-256 of the caller's credential."""

    actor_hash: str
    operation: str
    key: str

    def __post_init__(self) -> None:
        """Check what the caller chose.

        Raises:
            InvariantError: the key is no 1 to 200 printable ASCII characters.
        """
        is_readable = self.key.isascii() and self.key.isprintable() and bool(self.key.strip())
        if not is_readable or len(self.key) > OPERATOR_KEY_CHARS_MAX:
            raise InvariantError(
                "Idempotency-Key",
                f"must have 1 to {OPERATOR_KEY_CHARS_MAX} printable ASCII characters; "
                "send a random UUID",
            )


class KeptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that took effect. ``status`` and ``sealed_body`` are None until it was answered."""

    key: RequestKey
    request_digest: str
    created_at: Instant
    status: int | None = None
    sealed_body: bytes | None = None


def answered_request(
    kept: KeptRequest | None, request_digest: str, now: Instant
) -> KeptRequest | None:
    """The earlier identical request whose answer is to be repeated; None when this one is new.

    A fault is not repeated: it tells nothing of what was done, so the caller is sent to look.

    Raises:
        IdempotencyKeyReused: the key came with another request within its lifetime.
        RequestInFlight: the first may still be worked on.
        AnswerLost: the first took effect, and nobody knows its answer any more.
    """
    if kept is None or is_expired(kept, now):
        return None
    if kept.request_digest != request_digest:
        raise IdempotencyKeyReused
    if kept.status is None and abs(now - kept.created_at) < REQUEST_SECONDS_MAX:
        raise RequestInFlight
    if kept.status is None or kept.status >= _FAULTS_FROM:
        raise AnswerLost
    return kept


def is_expired(kept: KeptRequest, now: Instant) -> bool:
    """Tell whether a key may be used for something else; a clock that went back expires it too."""
    return abs(now - kept.created_at) >= IDEMPOTENCY_SECONDS


def replayed_invoice(
    record: IdempotencyRecord | None, request_digest: str, now: Instant
) -> InvoiceId | None:
    """The invoice an earlier identical request opened; None when this one is new.

    Raises:
        IdempotencyKeyReused: the key came with another request within its lifetime.
    """
    if record is None or abs(now - record.created_at) >= IDEMPOTENCY_SECONDS:
        return None
    if record.request_digest != request_digest:
        raise IdempotencyKeyReused
    return record.invoice_id
