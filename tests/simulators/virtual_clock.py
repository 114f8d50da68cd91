"""Time that moves when a test says so, with timers that fire on the way; no thread, no sleeping."""

import heapq
import itertools
from collections.abc import Callable
from threading import Lock
from typing import Protocol

from keysat_core.domain.instant import Instant
from keysat_core.testing.clock import START, FixedClock


class Timer:
    """One call that is due later. A canceled one is skipped."""

    __slots__ = ("at", "callback", "is_canceled")

    def __init__(self, at: int, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback = callback
        self.is_canceled = False

    def cancel(self) -> None:
        """Take the call back; a no-op once it was made."""
        self.is_canceled = True


class TimedClock(Protocol):
    """What a double needs of time: ``ports.clock.Clock`` and timers."""

    def now(self) -> Instant: ...

    def call_at(self, at: int, callback: Callable[[], None]) -> Timer:
        """Call back at a Unix second; a past one is due at once, but never inside this call."""
        ...


class VirtualClock:
    """Implements ``ports.clock.Clock`` and ``TimedClock``.

    Timers fire only inside ``advance``, ``advance_to`` and ``run_due``, in the caller's thread, in
    the order of their time and then of their making, with the clock standing at each one's time.
    A timer set by a timer fires in the same call when it is due by then.

    Args:
        now: Where it starts, in Unix seconds.
        clock: Moves this clock instead of one of its own, so that others may read it.
    """

    __slots__ = ("_clock", "_lock", "_order", "_timers")

    def __init__(self, now: int = START, *, clock: FixedClock | None = None) -> None:
        self._clock = FixedClock(now) if clock is None else clock
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = itertools.count()
        self._lock = Lock()

    def now(self) -> Instant:
        """Give the present instant."""
        return self._clock.now()

    def call_at(self, at: int, callback: Callable[[], None]) -> Timer:
        """Call back when the clock reaches a Unix second."""
        timer = Timer(at, callback)
        with self._lock:
            heapq.heappush(self._timers, (at, next(self._order), timer))
        return timer

    def advance(self, seconds: int) -> Instant:
        """Move on by whole seconds, firing what becomes due, and give where it stands then."""
        return self.advance_to(self.now() + seconds)

    def advance_to(self, target: int) -> Instant:
        """Move on to a Unix second, firing what becomes due; an earlier one moves nothing."""
        while (timer := self._next_due(target)) is not None:
            if timer.at > self.now():
                self._clock.set(timer.at)
            timer.callback()
        if target > self.now():
            self._clock.set(target)
        return self.now()

    def run_due(self) -> None:
        """Fire what is due now, as after another hand has moved the clock underneath."""
        self.advance_to(self.now())

    def next_at(self) -> int | None:
        """Give when the next timer fires, or None when there is none."""
        with self._lock:
            while self._timers and self._timers[0][2].is_canceled:
                heapq.heappop(self._timers)
            return self._timers[0][0] if self._timers else None

    def _next_due(self, target: int) -> Timer | None:
        with self._lock:
            while self._timers and self._timers[0][0] <= target:
                timer = heapq.heappop(self._timers)[2]
                if not timer.is_canceled:
                    return timer
        return None
