"""What the server counts about itself, as plain numbers; ``keysat_http.metrics`` spells them out.

Counting costs an addition. Every meter is written by one thread at a time (requests and validations
on the event loop, a tick where it runs) and read by any.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from keysat_core.domain.instant import Instant
from keysat_core.domain.tallies import ShopTallies
from keysat_http.leasing import Attempt, Outcome

RequestKind = tuple[str, str, int]
"""Method, route template and the first digit of the status."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Anybody can make up others, and every one would be a line for ever."""


@dataclass(kw_only=True, slots=True)
class TickMeter:
    """One background job since the start of this process.

    Attributes:
        runs: Attempts that ended well, idle ones included.
        failures: Attempts that raised.
        skipped: Attempts another server's lease or run stood in the way of.
        idle: Runs that found nothing to do.
        items: Items dealt with.
        items_failed: Items that could not be dealt with; another run will try again.
        seconds_last: How long the last run took.
        seconds_total: How long all runs took.
        seconds_max: How long the longest run took.
        last_success: When the job last ended well, also on another server as far as seen.
        last_failure: When it last raised.
    """

    runs: int = 0
    failures: int = 0
    skipped: int = 0
    idle: int = 0
    items: int = 0
    items_failed: int = 0
    seconds_last: float = 0.0
    seconds_total: float = 0.0
    seconds_max: float = 0.0
    last_success: Instant | None = None
    last_failure: Instant | None = None

    def note(self, attempt: Attempt, seconds: float, now: Instant) -> None:
        """Count an attempt that ended without an error."""
        if attempt.outcome in {Outcome.HELD, Outcome.NOT_DUE}:
            self.skipped += 1
            known = [one for one in (self.last_success, attempt.finished_at) if one is not None]
            self.last_success = max(known, default=None)
            return
        self.runs += 1
        self.idle += attempt.outcome is Outcome.IDLE
        self.items += attempt.work.items
        self.items_failed += attempt.work.failed
        self.last_success = now
        self._time(seconds)

    def note_failure(self, seconds: float, now: Instant) -> None:
        """Count an attempt that raised."""
        self.failures += 1
        self.last_failure = now
        self._time(seconds)

    def _time(self, seconds: float) -> None:
        self.seconds_last = seconds
        self.seconds_total += seconds
        self.seconds_max = max(self.seconds_max, seconds)


class ProviderReading(msgspec.Struct, frozen=True, kw_only=True):
    """How a payment provider answered last. ``name``: the beginning of its id, which is a secret."""

    name: str
    kind: str
    is_well: bool
    has_webhook: bool
    failures: int
    last_ok_at: int


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What adapters count: read when somebody asks.

    ``tallies`` is None while the database cannot be read. ``file_bytes``: by what a file is.
    """

    validations_queued: int = 0
    validations_dropped: int = 0
    store_busy: int = 0
    deliveries_queued: int = 0
    deliveries_dead: int = 0
    providers: tuple[ProviderReading, ...] = ()
    tallies: ShopTallies | None = None
    file_bytes: Mapping[str, int] = {}


@dataclass(kw_only=True, slots=True)
class Meters:
    """Everything counted in one process.

    Attributes:
        ticks: By name.
        requests: How many requests were answered. Good answers of ``QUIET_ROUTES`` are left out:
            they are frequent, and validations are counted by their result.
        request_seconds: How long those took together.
        validations: How many validations ended with each result, ``ok`` or a reason.
    """

    ticks: Mapping[str, TickMeter] = field(default_factory=dict)
    requests: Counter[RequestKind] = field(default_factory=Counter)
    request_seconds: defaultdict[RequestKind, float] = field(
        default_factory=lambda: defaultdict(float)
    )
    validations: Counter[str] = field(default_factory=Counter)

    def note_request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count an answered request; what no route matched is one kind, whatever its path."""
        kind = (method if method in _METHODS else "other", route or "none", status // 100)
        self.requests[kind] += 1
        self.request_seconds[kind] += seconds
