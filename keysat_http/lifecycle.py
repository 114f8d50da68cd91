"""The life of one server: whether it is stopping, its ticks, and what must be written at the end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import structlog
from litestar import Litestar

from keysat_core.domain.instant import Instant
from keysat_core.errors import ServerFault
from keysat_core.ports.bundle import Ports
from keysat_http.limits import LATE_SECONDS
from keysat_http.meters import TickMeter
from keysat_http.rate_limits import RateLimiter
from keysat_http.ticks import TickRunner

log = structlog.get_logger("keysat.http")


class Lifecycle:
    """Starts and stops what runs beside the requests."""

    def __init__(self, ports: Ports, limiter: RateLimiter, ticks: TickRunner) -> None:
        self._ports = ports
        self._limiter = limiter
        self._ticks = ticks
        self._is_stopping = False
        self._stopping_since = 0.0

    @property
    def is_stopping(self) -> bool:
        """Whether the stop has begun."""
        return self._is_stopping

    @property
    def last_success(self) -> Mapping[str, Instant | None]:
        """When each tick last ended well."""
        return self._ticks.last_success

    @property
    def tick_meters(self) -> Mapping[str, TickMeter]:
        """What was counted about each tick."""
        return self._ticks.meters

    def begin_stop(self) -> None:
        """Turn readiness off and start no more ticks. Call it on the event loop."""
        if not self._is_stopping:
            self._is_stopping = True
            self._stopping_since = monotonic()
        self._ticks.begin_stop()

    @asynccontextmanager
    async def running(self, _: Litestar) -> AsyncIterator[None]:
        """Keep the ticks running while the application serves; then write what is buffered."""
        self._ticks.start()
        try:
            yield
        finally:
            self.begin_stop()
            await self._ticks.stop()
            await asyncio.to_thread(self._write_what_is_left)

    def _write_what_is_left(self) -> None:
        try:
            self._ports.validations.flush()
            self._ports.heartbeats.flush()
            if monotonic() - self._stopping_since < LATE_SECONDS:
                self._limiter.flush_all(self._ports.clock.now())
        except ServerFault as exc:
            log.warning("flush_failed", code=exc.code, problem=str(exc))
