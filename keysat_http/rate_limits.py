"""Rate limits: buckets in memory, written behind, so that a restart resets none.

The arithmetic is the core's (``domain.rate_limit``); which route has which allowance is the
route's. Source: public-api 3; lifecycles 14.2.
"""

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Final

import structlog

from keysat_core.domain.instant import Instant
from keysat_core.domain.rate_limit import (
    WEB_LOGIN,
    WEB_LOGINS,
    Allowance,
    Bucket,
    seconds_until_next,
    take,
)
from keysat_core.errors import RateLimited, ServerFault
from keysat_core.limits import RATE_BUCKETS_MAX
from keysat_core.ports.store import Store
from keysat_http.client_address import Caller
from keysat_http.limits import BUCKET_IDLE_SECONDS, BUCKETS_PER_FLUSH_MAX, GLOBAL_PER_MINUTE

BucketKey = tuple[str, str]

EVERYBODY: Final = "_everybody_"
"""The key of the one bucket all callers share while their addresses are hidden."""

UNKNOWN: Final = "unknown"
"""The key of callers without any address (admin-api 1.4)."""

log = structlog.get_logger("keysat.http")


def address_key(allowance: Allowance, caller: Caller) -> tuple[Allowance, str]:
    """Choose the bucket of a per-address limit; callers of one shared address share a larger one."""
    if caller.limiting_address is not None:
        return allowance, caller.limiting_address
    shared = Allowance(
        kind=f"{allowance.kind}_global",
        capacity=GLOBAL_PER_MINUTE,
        refill_tokens=GLOBAL_PER_MINUTE // 60,
        refill_seconds=1,
    )
    return shared, EVERYBODY


def secret_key(text: str) -> str:
    """Spell a license key or another secret as a bucket key: its SHA-256."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()


class RateLimiter:
    """Admits or denies. Safe to use from many threads; ``flush`` makes what happened durable.

    Unless ``is_limiting`` it admits everybody.
    """

    def __init__(
        self, store: Store, *, buckets_max: int = RATE_BUCKETS_MAX, is_limiting: bool = True
    ) -> None:
        self._store = store
        self.is_limiting = is_limiting
        self._buckets_max = buckets_max
        self._lock = Lock()
        self._buckets: OrderedDict[BucketKey, Bucket] = OrderedDict()
        self._dirty: dict[BucketKey, Bucket] = {}

    def admit(
        self, allowance: Allowance, key: str, now: Instant, *, is_guard: bool = False
    ) -> int | None:
        """Spend a token: None lets the request through, a number says in how many seconds to retry.

        ``is_guard``: it limits guessing, and does so whatever limits callers in front.
        """
        if not self.is_limiting and not is_guard:
            return None
        bucket_key = (allowance.kind, key)
        stored = None if self._is_known(bucket_key) else self._load(bucket_key)
        with self._lock:
            before = self._buckets.get(bucket_key) or self._dirty.get(bucket_key) or stored
            is_allowed, bucket = take(before, allowance, now=now)
            self._buckets[bucket_key] = self._dirty[bucket_key] = bucket
            self._buckets.move_to_end(bucket_key)
            self._forget_oldest()
        return None if is_allowed else seconds_until_next(bucket, allowance)

    def charge(self, allowance: Allowance, caller: Caller, now: Instant) -> None:
        """Spend a token of a per-address limit.

        Raises:
            RateLimited: there is none left.
        """
        chosen, key = address_key(allowance, caller)
        retry_after_seconds = self.admit(chosen, key, now)
        if retry_after_seconds is not None:
            raise RateLimited(retry_after_seconds)

    def charge_sign_in(self, caller: Caller, now: Instant) -> None:
        """Spend a token of an address, and one of all addresses together, for a guess at a password.

        Callers whose addresses a proxy hides share the proxy's, so that hiding helps nobody to guess.

        Raises:
            RateLimited: there is none left.
        """
        address = caller.limiting_address or caller.address or UNKNOWN
        for allowance, key in ((WEB_LOGIN, address), (WEB_LOGINS, EVERYBODY)):
            retry_after_seconds = self.admit(allowance, key, now, is_guard=True)
            if retry_after_seconds is not None:
                raise RateLimited(retry_after_seconds)

    def flush(self, now: Instant) -> int:
        """Write what changed and purge what is long idle; give the number of buckets written.

        Raises:
            ServerFault: the store failed; everything is kept for the next flush.
        """
        with self._lock:
            batch = dict(list(self._dirty.items())[:BUCKETS_PER_FLUSH_MAX])
        if not batch:
            # A commit for nothing would empty every process's cached facts.
            return 0
        with self._store.writing() as tx:
            for (kind, key), bucket in batch.items():
                tx.buckets.put_bucket(kind, key, bucket)
            tx.buckets.purge_buckets(
                Instant(max(0, now - BUCKET_IDLE_SECONDS)), BUCKETS_PER_FLUSH_MAX
            )
        with self._lock:
            for bucket_key, bucket in batch.items():
                if self._dirty.get(bucket_key) is bucket:
                    del self._dirty[bucket_key]
        return len(batch)

    def flush_all(self, now: Instant) -> int:
        """Flush until nothing is left; called when the server stops.

        Raises:
            ServerFault: the store failed.
        """
        written = self.flush(now)
        while self._dirty:
            written += self.flush(now)
        return written

    def _is_known(self, bucket_key: BucketKey) -> bool:
        with self._lock:
            return bucket_key in self._buckets or bucket_key in self._dirty

    def _load(self, bucket_key: BucketKey) -> Bucket | None:
        kind, key = bucket_key
        try:
            with self._store.reading() as tx:
                return tx.buckets.find_bucket(kind, key)
        except ServerFault as exc:
            # A limit is a courtesy; a store in trouble must not turn it into a denial.
            log.warning("rate_bucket_unread", kind=kind, problem=str(exc))
            return None

    def _forget_oldest(self) -> None:
        while len(self._buckets) > self._buckets_max:
            self._buckets.popitem(last=False)
        # Only while flushes fail: then the oldest changes are given up, and memory stays bounded.
        while len(self._dirty) > 2 * self._buckets_max:
            del self._dirty[next(iter(self._dirty))]
