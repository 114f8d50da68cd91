"""Background ticks: jobs that run every so often in a thread of their own until the server stops.

What a job does is a use case or an adapter's; here is only when it runs.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic

import structlog

from keysat_core.domain.instant import Instant
from keysat_core.ports.clock import Clock
from keysat_http.daemon_threads import in_daemon_thread
from keysat_http.limits import TICK_JITTER, TICKS_STOP_SECONDS

log = structlog.get_logger("keysat.ticks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """One job. ``run`` is called with nothing in a worker thread and never while it still runs."""

    name: str
    first_after_seconds: float
    every_seconds: float
    run: Callable[[], object]


class TickRunner:
    """Runs ticks on the event loop that ``start`` was called in."""

    def __init__(
        self,
        ticks: Sequence[Tick],
        clock: Clock,
        *,
        stop_seconds: float = TICKS_STOP_SECONDS,
    ) -> None:
        names = [tick.name for tick in ticks]
        if len(set(names)) != len(names):
            raise ValueError(f"two ticks share a name: {sorted(names)}")
        self._ticks = tuple(ticks)
        self._clock = clock
        self._stop_seconds = stop_seconds
        self._random = Random()  # noqa: S311  spreads load, hides nothing
        self._stopping = asyncio.Event()
        self._stopping_since: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._last_success: dict[str, Instant | None] = dict.fromkeys(names)

    @property
    def last_success(self) -> Mapping[str, Instant | None]:
        """When each tick last ended well; None if it never did."""
        return dict(self._last_success)

    def start(self) -> None:
        """Begin; every tick waits out its first pause."""
        self._tasks = [
            asyncio.create_task(self._keep_running(tick), name=f"tick:{tick.name}")
            for tick in self._ticks
        ]

    def begin_stop(self) -> None:
        """Start no tick any more. Call it on the event loop; it returns at once."""
        if self._stopping_since is None:
            self._stopping_since = monotonic()
            self._stopping.set()

    async def stop(self) -> None:
        """Wait for running ticks, up to the limit counted from ``begin_stop``; then abandon them."""
        self.begin_stop()
        if not self._tasks:
            return
        began_at = self._stopping_since or monotonic()
        left = max(0.0, began_at + self._stop_seconds - monotonic())
        _, late = await asyncio.wait(self._tasks, timeout=left)
        for task in late:
            log.warning("tick_abandoned", tick=task.get_name().removeprefix("tick:"))
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_running(self, tick: Tick) -> None:
        pause = tick.first_after_seconds
        while not await self._is_stopped_within(pause):
            try:
                await in_daemon_thread(tick.run, name=f"tick-{tick.name}")
            except Exception:
                log.exception("tick_failed", tick=tick.name)
            else:
                self._last_success[tick.name] = self._clock.now()
            pause = tick.every_seconds

    async def _is_stopped_within(self, seconds: float) -> bool:
        jitter = self._random.uniform(1 - TICK_JITTER, 1 + TICK_JITTER)
        try:
            async with asyncio.timeout(seconds * jitter):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True
