"""Idempotency keys: the same request twice gives the first answer (public-api 6.1)."""

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.errors import IdempotencyKeyReused
from keysat_core.limits import IDEMPOTENCY_SECONDS


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key, the digest of the request it first came with, and the invoice that request opened."""

    key: str
    request_digest: str
    invoice_id: InvoiceId
    created_at: Instant


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
