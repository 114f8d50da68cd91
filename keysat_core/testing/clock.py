"""A clock that stands still until it is told otherwise."""

from collections import deque
from typing import Final

from keysat_core.domain.instant import Instant, checked_instant
from keysat_core.errors import InvariantError
from keysat_core.limits import INSTANT_MAX

START: Final = 1_800_000_000
"""2027-01-15T08:00:00Z, where a fixed clock stands unless told otherwise."""


class FixedClock:
    """Implements ``ports.clock.Clock``. Any number of threads may read, set and advance it.

    With ``step_seconds`` every reading moves it on by that much afterwards, so that what is
    written one after the other has different times.

    Raises:
        InvariantError: It would start or stand where RFC 3339 has no spelling, or step back.
    """

    __slots__ = ("_slot", "_step_seconds")

    def __init__(self, now: int = START, *, step_seconds: int = 0) -> None:
        if step_seconds < 0:
            raise InvariantError("step_seconds", "must not be negative")
        self._step_seconds = step_seconds
        # A deque of one is its own lock: who has taken the instant out is the only one to change it.
        self._slot = deque([checked_instant(now, field="now")])

    def now(self) -> Instant:
        """Give the instant the clock stands at."""
        now = self._take()
        self._slot.append(Instant(min(now + self._step_seconds, INSTANT_MAX)))
        return now

    def set(self, now: int, *, may_go_back: bool = False) -> None:
        """Move the clock to an instant.

        Raises:
            InvariantError: It lies before the present one and going back was not asked for, or
                RFC 3339 cannot spell it. The clock has not moved.
        """
        self._move(now, is_shift=False, may_go_back=may_go_back)

    def advance(self, seconds: int, *, may_go_back: bool = False) -> Instant:
        """Move the clock by whole seconds and give where it stands then.

        Raises:
            InvariantError: As ``set``.
        """
        return self._move(seconds, is_shift=True, may_go_back=may_go_back)

    def _move(self, value: int, *, is_shift: bool, may_go_back: bool) -> Instant:
        before = moved = self._take()
        try:
            target = checked_instant(before + value if is_shift else value, field="now")
            if target < before and not may_go_back:
                raise InvariantError(
                    "now", f"would go back by {before - target} s; ask for it with may_go_back=True"
                )
            moved = target
        finally:
            self._slot.append(moved)
        return moved

    def _take(self) -> Instant:
        while True:
            try:
                return self._slot.pop()
            except IndexError:
                # Another thread has it and is about to put it back.
                continue
