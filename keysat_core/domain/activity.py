"""The validation log: one entry for every question about a key (public-api 9.4)."""

import msgspec

from keysat_core.domain.instant import Instant


class ValidationEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How one validation ended. ``result`` is ``ok`` or a reason; the fingerprint only as its hash."""

    result: str
    license_id: str | None = None
    product_id: str | None = None
    machine_id: str | None = None
    fingerprint_hash: str | None = None
    client_ip: str | None = None
    user_agent: str | None = None
    detail: str | None = None
    occurred_at: Instant
