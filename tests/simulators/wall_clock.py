"""The time of the day with timers on a thread of their own, for playing with a double by hand."""

import heapq
import itertools
import sys
import time
import traceback
from collections.abc import Callable
from threading import Condition, Thread

from keysat_core.domain.instant import Instant
from tests.simulators.virtual_clock import Timer


class WallClock:
    """Implements ``ports.clock.Clock`` and ``virtual_clock.TimedClock``; fires on one thread.

    A timer that raises is printed and the rest go on. The thread is a daemon; ``close`` ends it.
    """

    __slots__ = ("_changed", "_is_closed", "_order", "_thread", "_timers")

    def __init__(self) -> None:
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = itertools.count()
        self._changed = Condition()
        self._is_closed = False
        self._thread = Thread(target=self._run, name="wall-clock-timers", daemon=True)
        self._thread.start()

    def now(self) -> Instant:
        """Give the present instant."""
        return Instant(int(time.time()))

    def call_at(self, at: int, callback: Callable[[], None]) -> Timer:
        """Call back on the timer thread at a Unix second, or soon when it has passed."""
        timer = Timer(at, callback)
        with self._changed:
            heapq.heappush(self._timers, (at, next(self._order), timer))
            self._changed.notify()
        return timer

    def wait_closed(self) -> None:
        """Wait until another thread closes it, or for an interrupt."""
        self._thread.join()

    def close(self) -> None:
        """Fire nothing more and wait for the timer that is running, unless it is the caller."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (timer := self._take()) is not None:
            if timer.is_canceled:
                continue
            try:
                timer.callback()
            except Exception:  # noqa: BLE001 - the thread must outlive one bad callback
                traceback.print_exc(file=sys.stderr)

    def _take(self) -> Timer | None:
        """Wait for the next due timer; None once closed."""
        with self._changed:
            while not self._is_closed:
                if not self._timers:
                    self._changed.wait()
                elif (wait_seconds := self._timers[0][0] - time.time()) > 0:
                    self._changed.wait(wait_seconds)
                else:
                    return heapq.heappop(self._timers)[2]
        return None
