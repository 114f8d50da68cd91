"""Rate-limit buckets as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.instant import Instant
from keysat_core.domain.rate_limit import Bucket

BUCKETS: Final = Table("rate_buckets", ("bucket_kind", "bucket_key", "units", "refilled_at"))
_FIND: Final = BUCKETS.select("WHERE bucket_kind = ? AND bucket_key = ?")
_PUT: Final = BUCKETS.upsert(key=("bucket_kind", "bucket_key"))
_PURGE: Final = (
    "DELETE FROM rate_buckets WHERE (bucket_kind, bucket_key) IN"
    " (SELECT bucket_kind, bucket_key FROM rate_buckets WHERE refilled_at < ?"
    " ORDER BY refilled_at LIMIT ?)"
)


def _bucket(row: Row) -> Bucket:
    return Bucket(units=row[2], refilled_at=row[3])


class SQLiteBuckets:
    """Implements ``ports.store.Buckets``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_bucket(self, kind: str, key: str) -> Bucket | None:
        """Give a caller's bucket or None."""
        return BUCKETS.found(_bucket, self._session.row(_FIND, (kind, key)))

    def put_bucket(self, kind: str, key: str, bucket: Bucket) -> None:
        """Insert or replace a caller's bucket."""
        self._session.run(_PUT, (kind, key, bucket.units, bucket.refilled_at))

    def purge_buckets(self, before: Instant, limit: int) -> int:
        """Remove up to ``limit`` buckets last used before an instant, oldest first."""
        return self._session.run(_PURGE, (before, max(0, limit)))
