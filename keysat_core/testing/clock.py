"""A clock that stands still until it is told otherwise."""

from collections import deque
from typing import Final

from keysat_core.domain.instant import Instant

START: Final = 1_800_000_000
"""2027-01-15T08:00:00Z, where a fixed clock stands unless told otherwise."""


class FixedClock:
    """Implements ``ports.clock.Clock``. Any number of threads may read, set and advance it."""

    __slots__ = ("_slot",)

    def __init__(self, now: int = START) -> None:
        # A deque of one is its own lock: who has taken the instant out is the only one to change it.
        self._slot = deque([Instant(now)])

    def now(self) -> Instant:
        """Give the instant the clock stands at."""
        now = self._take()
        self._slot.append(now)
        return now

    def set(self, now: int) -> None:
        """Move the clock to an instant, back as well as forth."""
        self._take()
        self._slot.append(Instant(now))

    def advance(self, seconds: int) -> Instant:
        """Move the clock by whole seconds, back if negative; give where it stands then."""
        now = Instant(self._take() + seconds)
        self._slot.append(now)
        return now

    def _take(self) -> Instant:
        while True:
            try:
                return self._slot.pop()
            except IndexError:
                # Another thread has it and is about to put it back.
                continue
