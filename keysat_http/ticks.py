"""Background ticks: jobs that run every so often in a thread of their own until the server stops.

What a job does is a use case or an adapter's; here is only when it runs. A shared job, one of the
database's, runs under a lease (``keysat_http.leasing``).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic

import structlog

from keysat_core.domain.instant import Instant
from keysat_core.limits import LEASE_SECONDS
from keysat_core.ports.clock import Clock
from keysat_http.daemon_threads import in_daemon_thread
from keysat_http.leasing import Attempt, LeaseKeeper, Outcome, Run, work_of
from keysat_http.limits import (
    TICK_JITTER,
    TICK_RESTART_SECONDS,
    TICK_RESTART_SECONDS_MAX,
    TICKS_STOP_SECONDS,
)
from keysat_http.meters import TickMeter

log = structlog.get_logger("keysat.ticks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """One job. ``run`` is called with nothing in a worker thread and never while it still runs.

    Attributes:
        name: Its name in logs, metrics and the leases.
        first_after_seconds: The pause before its first run.
        every_seconds: The pause between the end of a run and the next.
        run: The job.
        is_shared: Whether it is the database's, so that one server at a time runs it.
        has_work: A cheap look at whether a shared job has anything to do; None for jobs with a
            pause so long that nothing is won by looking.
        is_due: In the place of ``has_work``, whether the time of a shared job has come that keeps
            its own; not asked when somebody wants the job now.
        on_stop: Told once when the server begins to stop, so that a long run ends early.
    """

    name: str
    first_after_seconds: float
    every_seconds: float
    run: Run
    is_shared: bool = False
    has_work: Callable[[], bool] | None = None
    is_due: Callable[[], bool] | None = None
    on_stop: Callable[[], None] | None = None

    @property
    def pace_seconds(self) -> int:
        """The shortest pause two servers together may leave between two runs."""
        return int(self.every_seconds * (1 - TICK_JITTER))


class TickRunner:
    """Runs ticks on the event loop that ``start`` was called in."""

    def __init__(
        self,
        ticks: Sequence[Tick],
        clock: Clock,
        *,
        leases: LeaseKeeper | None = None,
        stop_seconds: float = TICKS_STOP_SECONDS,
        restart_seconds: float = TICK_RESTART_SECONDS,
        held_seconds: float = LEASE_SECONDS,
    ) -> None:
        names = [tick.name for tick in ticks]
        if len(set(names)) != len(names):
            raise ValueError(f"two ticks share a name: {sorted(names)}")
        if leases is None and any(tick.is_shared for tick in ticks):
            raise ValueError("shared ticks need leases")
        self._ticks = tuple(ticks)
        self._clock = clock
        self._leases = leases
        self._stop_seconds = stop_seconds
        self._restart_seconds = restart_seconds
        self._held_seconds = held_seconds
        self._random = Random()  # noqa: S311  spreads load, hides nothing
        self._stopping = asyncio.Event()
        self._stopping_since: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._meters = {name: TickMeter() for name in names}

    @property
    def meters(self) -> Mapping[str, TickMeter]:
        """What was counted about each tick."""
        return self._meters

    @property
    def last_success(self) -> Mapping[str, Instant | None]:
        """When each tick last ended well; None if it never did."""
        return {name: meter.last_success for name, meter in self._meters.items()}

    def start(self) -> None:
        """Begin; every tick waits out its first pause."""
        self._tasks = [
            asyncio.create_task(self._supervise(tick), name=f"tick:{tick.name}")
            for tick in self._ticks
        ]

    def begin_stop(self) -> None:
        """Start no tick any more. Call it on the event loop; it returns at once."""
        if self._stopping_since is None:
            self._stopping_since = monotonic()
            self._stopping.set()
            for tick in self._ticks:
                if tick.on_stop is not None:
                    tick.on_stop()

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

    async def _supervise(self, tick: Tick) -> None:
        """Keep a tick running; what breaks outside its job is a bug that must not end it for good."""
        pause = tick.first_after_seconds
        restart_after = self._restart_seconds
        while not self._stopping.is_set():
            runs_before = self._meters[tick.name].runs
            try:
                await self._keep_running(tick, pause)
            except Exception:
                log.exception("tick_runner_crashed", tick=tick.name)
            if self._meters[tick.name].runs > runs_before:
                restart_after = self._restart_seconds
            pause = restart_after
            restart_after = min(2 * restart_after, TICK_RESTART_SECONDS_MAX)

    async def _keep_running(self, tick: Tick, pause: float) -> None:
        while not await self._is_stopped_within(pause):
            pause = await self._run_once(tick)

    async def _run_once(self, tick: Tick) -> float:
        """Run a tick and give the pause until the next time."""
        meter = self._meters[tick.name]
        began_at = monotonic()
        try:
            attempt = await in_daemon_thread(
                lambda: perform(tick, self._leases), name=f"tick-{tick.name}"
            )
        except Exception:
            meter.note_failure(monotonic() - began_at, self._clock.now())
            log.exception("tick_failed", tick=tick.name)
            return tick.every_seconds
        meter.note(attempt, monotonic() - began_at, self._clock.now())
        if attempt.outcome is Outcome.HELD:
            # Its holder may have been killed: then the lease lapses and the job is ours.
            return min(tick.every_seconds, self._held_seconds)
        return tick.every_seconds

    async def _is_stopped_within(self, seconds: float) -> bool:
        jitter = self._random.uniform(1 - TICK_JITTER, 1 + TICK_JITTER)
        try:
            async with asyncio.timeout(seconds * jitter):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


def perform(tick: Tick, leases: LeaseKeeper | None, *, is_pace_kept: bool = True) -> Attempt:
    """Run a tick once, here and now, under its lease if it is shared.

    Raises:
        StoreBusy, StoreUnavailable: the lease could not be asked for.
        Exception: whatever the job raises.
    """
    if not tick.is_shared or leases is None:
        return Attempt(outcome=Outcome.DONE, work=work_of(tick.run))
    return leases.attempt(
        tick.name,
        tick.run,
        has_work=tick.is_due or tick.has_work,
        pace_seconds=tick.pace_seconds if is_pace_kept else 0,
    )
