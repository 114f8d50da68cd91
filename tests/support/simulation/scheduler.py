"""Tasks that take turns: each has a thread of its own, and exactly one of them runs at any time.

A task runs until it pauses; who goes next is drawn from the seed. So a run depends on its seed
alone, however the machine schedules its threads.
"""

import threading
from collections.abc import Callable, Collection
from random import Random
from typing import Final

from keysat_core.testing.clock import FixedClock
from tests.support.simulation.violation import Violation

BATON_SECONDS: Final = 60.0
"""Longest real time one task may keep the baton: only a task that hangs keeps it that long."""


class Stopped(BaseException):
    """The simulation is over; a task that hears it unwinds."""


class Task:
    """One line of action. ``wakes_at`` is when it wants to go on; its thread waits for the baton."""

    def __init__(self, name: str, work: Callable[[], None], home: threading.Lock) -> None:
        self.name = name
        self.wakes_at = 0
        self.is_done = False
        self.problem: BaseException | None = None
        self._work = work
        self._home = home
        self._baton = threading.Lock()
        self._baton.acquire()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Give it the baton and wait until it comes back."""
        self._baton.release()
        if not self._home.acquire(timeout=BATON_SECONDS):
            raise Violation(f"{self.name} keeps the baton: it waits for something real")

    def pause(self) -> None:
        """Give the baton back and wait for it. Only the task itself calls this."""
        self._home.release()
        self._baton.acquire()
        if self._is_stopping:
            raise Stopped

    def stop(self) -> None:
        """Let it unwind and end."""
        self._is_stopping = True
        while not self.is_done:
            self.resume()
        self._thread.join(BATON_SECONDS)

    def _run(self) -> None:
        self._baton.acquire()
        try:
            if not self._is_stopping:
                self._work()
        except Stopped:
            pass
        except BaseException as problem:  # noqa: BLE001  told to the main thread, which raises it
            self.problem = problem
        self.is_done = True
        self._home.release()


class Scheduler:
    """Draws who goes next, and moves the clock when everybody waits."""

    def __init__(self, rng: Random, clock: FixedClock) -> None:
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self._rng = rng
        self._clock = clock
        self._home = threading.Lock()
        self._home.acquire()

    def spawn(self, name: str, work: Callable[[], None]) -> Task:
        """Start a task; it runs when it is drawn."""
        task = Task(name, work, self._home)
        self.tasks.append(task)
        return task

    def pause(self) -> None:
        """Let others go on before the task that calls this."""
        self._running().pause()

    def sleep(self, seconds: int) -> None:
        """Let others go on until the clock has moved so far."""
        task = self._running()
        task.wakes_at = self._clock.now() + seconds
        task.pause()

    def wake_all(self) -> None:
        """End every sleep."""
        for task in self.tasks:
            task.wakes_at = 0

    def step(self, *, before: Collection[Task] = ()) -> bool:
        """Let one task run until it pauses, one of ``before`` if any can; False if none is left."""
        if not self.tasks:
            return False
        now = self._clock.now()
        ready = [task for task in self.tasks if task.wakes_at <= now]
        if not ready:
            # The next to wake decides how far the clock moves.
            ready = [min(self.tasks, key=lambda task: task.wakes_at)]
            self._clock.set(ready[0].wakes_at)
        ready = [task for task in ready if task in before] or ready
        task = ready[self._rng.randrange(len(ready))]
        self.current = task
        task.resume()
        self.current = None
        if task.is_done:
            self.tasks.remove(task)
            if task.problem is not None:
                raise task.problem
        return True

    def stop(self) -> None:
        """End all tasks, wherever they are."""
        for task in self.tasks:
            self.current = task
            task.stop()
        self.current = None
        self.tasks.clear()

    def _running(self) -> Task:
        if self.current is None:
            raise Violation("somebody paused who is no task")
        return self.current
