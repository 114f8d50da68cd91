"""What the sold software does, as it is noted: validations (public-api 9.4) and heartbeats (9.3)."""

from typing import NamedTuple

import msgspec

from keysat_core.domain.ids import MachineId
from keysat_core.domain.instant import Instant


class ValidationEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class ValidationCount(NamedTuple):
    """How many validations of a day (UTC, in days since 1970) ended in one way."""

    day: int
    result: str
    number: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A machine was in use. ``ip`` None: its address is not known, and the last known one stays."""

    machine_id: MachineId
    seen_at: Instant
    ip: str | None = None

    def later_of(self, other: "Heartbeat | None") -> "Heartbeat":
        """Join two of one machine: the later instant, and the latest known address."""
        if other is None:
            return self
        first, last = sorted((self, other), key=lambda beat: beat.seen_at)
        return last if last.ip or not first.ip else msgspec.structs.replace(last, ip=first.ip)
