"""Where everything happens: one clock, one draw of who goes next, one record of it all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, Instant
from keysat_core.testing.clock import START, FixedClock
from tests.support.simulation.faults import Faults
from tests.support.simulation.scheduler import Scheduler, Task
from tests.support.simulation.trace import Trace
from tests.support.simulation.violation import Violation

LEAPS: Final = (
    (0.001, 20 * DAY_SECONDS, 120 * DAY_SECONDS),
    (0.004, DAY_SECONDS, 5 * DAY_SECONDS),
    (0.008, HOUR_SECONDS, 12 * HOUR_SECONDS),
    (0.02, 60, HOUR_SECONDS),
)
"""Chance per step that time leaps by seconds between two bounds, at the next quiet moment."""

PACES: Final = (0.25, 1.0, 4.0)
"""How much more or less often time leaps; each seed has one pace."""

STALL_CHANCE: Final = 0.1
"""Chance that a leap does not wait for a quiet moment: the machine fell asleep over its work."""

TREMBLE_CHANCE: Final = 0.15
TREMBLE_SECONDS: Final = 12
"""Time passes while others work: as long as a buyer's client waits, and a little more."""


class Died(BaseException):
    """The process that did this is gone. No code of the product can catch it."""


class Call:
    """One request inside one process, from its start until its end or the end of the process."""

    def __init__(self, process: str, kill: Callable[[], None]) -> None:
        self.process = process
        self.kill = kill
        self.is_dead = False
        self.is_writing = False


class Stage:
    """Holds time, turns, faults and trace of one run. ``calm_since``: nothing went wrong since."""

    def __init__(self, seed: int, trace: Trace) -> None:
        self.seed = seed
        self.clock = FixedClock()
        self.faults = Faults(seed)
        self.scheduler = Scheduler(self.rng("turns"), self.clock)
        self.trace = trace
        self.is_open = True
        self.step_number = 0
        self.calm_since = Instant(START)
        self.clock_wrong_at = Instant(START - 1)
        self._time = self.rng("time")
        self._pace = self._time.choice(PACES)
        self._leap = 0
        self._is_stalling = False
        self._calls: dict[Task, Call] = {}

    @property
    def now(self) -> Instant:
        """The true time; the clock of a process may show another."""
        return self.clock.now()

    def rng(self, purpose: str) -> Random:
        """Give draws of their own for a purpose, so that one purpose does not disturb another."""
        return Random(f"{purpose} {self.seed}")  # noqa: S311  the seed is the point

    # --- for the tasks --------------------------------------------------------------------------

    def note(self, what: str) -> None:
        """Take down what the running task does."""
        task = self.scheduler.current
        call = self._calls.get(task) if task else None
        who = task.name if task else "world"
        where = call.process if call else "-"
        self.trace.note(
            f"{self.step_number:>6} {_spelled(self.now - START)} {who:<18} {where:<6} {what}"
        )

    def pause(self, what: str) -> None:
        """Let others go on before the running task does this."""
        call = self._call
        if call is not None and call.is_writing:
            raise Violation(f"{what}: waits for others inside a write transaction")
        self.note(what)
        self.scheduler.pause()
        self._live(call)

    def sleep(self, seconds: int) -> None:
        """Let the running task wait for some virtual time."""
        call = self._call
        self.scheduler.sleep(seconds)
        self._live(call)

    def rest(self, seconds: int) -> bool:
        """Wait between two things to do; False when the market has closed meanwhile."""
        if self.is_open:
            self.sleep(seconds)
        return self.is_open

    def may_die(self) -> None:
        """Let the process of the running task die here, if the seed says so."""
        call = self._call
        if call is not None and self.strikes("death"):
            call.kill()
            raise Died

    def strikes(self, fault: str) -> bool:
        """Draw for a fault; one that strikes ends the calm."""
        if not self.faults.strikes(fault):
            return False
        self.trouble()
        self.note(f"! {fault}")
        return True

    def trouble(self) -> None:
        """Remember that something was wrong just now."""
        self.calm_since = self.now

    @contextmanager
    def calling(self, call: Call) -> Iterator[None]:
        """Run something as a request inside a process."""
        task = self.scheduler.current
        if task is None:
            raise Violation("a request was made by no task")
        self._calls[task] = call
        try:
            yield
        finally:
            del self._calls[task]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Mark the running request as being in a write transaction, where nobody waits."""
        call = self._call
        if call is None:
            raise Violation("a write transaction outside any request")
        call.is_writing = True
        try:
            yield
        finally:
            call.is_writing = False

    # --- for the world --------------------------------------------------------------------------

    def step(self) -> bool:
        """Let time pass or not, then let one task go on; False when all have ended."""
        self.step_number += 1
        self._pass_time()
        # Before time leaps, those at work finish; nobody begins anything.
        return self.scheduler.step(before=set(self._calls) if self._leap else set())

    def kill_calls(self, process: str) -> None:
        """End every request inside a process; each hears of it when it goes on."""
        for call in self._calls.values():
            call.is_dead = call.is_dead or call.process == process

    def _pass_time(self) -> None:
        if not self.is_open:
            return
        if self._time.random() < TREMBLE_CHANCE:
            self.clock.advance(self._time.randint(1, TREMBLE_SECONDS))
        for chance, least, most in LEAPS:
            if self._time.random() < chance * self._pace:
                self._leap = max(self._leap, self._time.randint(least, most))
                self._is_stalling = self._time.random() < STALL_CHANCE
        if not self._leap or (self._calls and not self._is_stalling):
            return
        if self._calls:
            self.trouble()
        self.clock.advance(self._leap)
        self.note(f"time leaps by {_spelled(self._leap).strip()}")
        self._leap = 0

    @property
    def _call(self) -> Call | None:
        task = self.scheduler.current
        return self._calls.get(task) if task else None

    def _live(self, call: Call | None) -> None:
        if call is not None and call.is_dead:
            raise Died


def _spelled(seconds: int) -> str:
    days, rest = divmod(seconds, DAY_SECONDS)
    hours, rest = divmod(rest, HOUR_SECONDS)
    return f"{days:>5}d {hours:02}:{rest // 60:02}:{rest % 60:02}"
