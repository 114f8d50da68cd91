"""Running the shared ticks without serving: until a signal, or each of them once."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog

from keysat_core.errors import KeysatError
from keysat_core.limits import LEASE_SECONDS
from keysat_core.ports.clock import Clock
from keysat_http.leasing import Attempt, LeaseKeeper, Outcome
from keysat_http.ticks import Tick, TickRunner, perform

HELD_POLL_SECONDS: Final = 0.25
"""How often a held lease is looked at while waiting for it; a look is one read."""

log = structlog.get_logger("keysat.ticks")


@dataclass(frozen=True, kw_only=True, slots=True)
class OneRun:
    """One job's run: what came of it, or the expected failure that ended it."""

    name: str
    seconds: float
    attempt: Attempt | None = None
    failure: KeysatError | None = None


def run_ticks(
    ticks: Sequence[Tick], leases: LeaseKeeper, clock: Clock, *, ready: Callable[[], None]
) -> None:
    """Run ticks until SIGTERM or SIGINT; then let what runs end, within the limit of any stop.

    ``ready`` is called once they run.
    """
    asyncio.run(_run_until_told(ticks, leases, clock, ready))


def run_once(tick: Tick, leases: LeaseKeeper, *, wait_seconds: float = LEASE_SECONDS) -> OneRun:
    """Run a tick now, whenever it last ran, under its lease.

    A lease that another server holds is waited for, at most as long as a killed one's lasts.
    """
    began_at = monotonic()
    try:
        attempt = perform(tick, leases, is_pace_kept=False)
        while attempt.outcome is Outcome.HELD and monotonic() - began_at < wait_seconds:
            time.sleep(HELD_POLL_SECONDS)
            attempt = perform(tick, leases, is_pace_kept=False)
    except KeysatError as exc:
        log.warning("tick_failed", tick=tick.name, code=exc.code, problem=str(exc))
        return OneRun(name=tick.name, seconds=monotonic() - began_at, failure=exc)
    return OneRun(name=tick.name, seconds=monotonic() - began_at, attempt=attempt)


async def _run_until_told(
    ticks: Sequence[Tick], leases: LeaseKeeper, clock: Clock, ready: Callable[[], None]
) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    runner = TickRunner(ticks, clock, leases=leases)
    runner.start()
    ready()
    await told.wait()
    await runner.stop()
