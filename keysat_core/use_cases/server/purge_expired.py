"""Remove what is kept only for a while."""

import msgspec

from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.retention import read_days
from keysat_core.domain.setting import RETENTION_DELIVERY_DAYS
from keysat_core.domain.webhook_endpoint import overlap_latest
from keysat_core.limits import IDEMPOTENCY_SECONDS, PURGE_BATCH, RECEIPT_DAYS
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store

BUCKET_SECONDS = DAY_SECONDS
"""A bucket untouched for a day has long been full again."""


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows were removed. ``secrets``: rotated away, and forgotten now."""

    receipts: int
    idempotency_records: int
    answers: int
    buckets: int
    web_sessions: int
    deliveries: int = 0
    secrets: int = 0


def purge_expired(*, store: Store, clock: Clock) -> Purged:
    """Remove receipts, idempotency keys, answers, buckets and sessions whose time is over, in batches.

    Finished deliveries too, if they are kept for a time only (B-47), and webhook secrets that were
    rotated away and sign no more.
    """
    now = clock.now()
    with store.writing() as tx:
        days = read_days(tx.settings.find_setting(RETENTION_DELIVERY_DAYS), default=None)
        return Purged(
            receipts=tx.receipts.purge_receipts(
                Instant(now - RECEIPT_DAYS * DAY_SECONDS), PURGE_BATCH
            ),
            idempotency_records=tx.idempotency.purge_records(
                Instant(now - IDEMPOTENCY_SECONDS), PURGE_BATCH
            ),
            answers=tx.answers.purge_requests(
                Instant(now - IDEMPOTENCY_SECONDS), Instant(now + IDEMPOTENCY_SECONDS), PURGE_BATCH
            ),
            buckets=tx.buckets.purge_buckets(Instant(now - BUCKET_SECONDS), PURGE_BATCH),
            web_sessions=tx.web_sessions.purge_sessions(now, PURGE_BATCH),
            deliveries=0
            if days is None
            else tx.deliveries.purge_deliveries(
                Instant(now - days * DAY_SECONDS),
                PURGE_BATCH,
                ahead=Instant(now + DAY_SECONDS),
            ),
            secrets=tx.webhooks.forget_secrets(now, overlap_latest(now)),
        )
