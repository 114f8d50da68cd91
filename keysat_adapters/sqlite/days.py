"""Sums that are kept for each day, and the hours at both ends that are no whole day."""

from typing import NamedTuple

from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.limits import INSTANT_MAX


class Window(NamedTuple):
    """A time as whole days, from the first up to but not including the end, and the rest of it.

    The rest is two spans of seconds, each without its end; either may be empty.
    """

    first_day: int
    end_day: int
    head: tuple[int, int]
    tail: tuple[int, int]

    @property
    def values(self) -> tuple[int, ...]:
        """Give all six bounds in order."""
        return (self.first_day, self.end_day, *self.head, *self.tail)


def window_of(since: Instant | None, until: Instant | None) -> Window:
    """Take a time apart; None is no bound."""
    begin = 0 if since is None else since
    end = INSTANT_MAX + 1 if until is None else until
    first_day, end_day = -(-begin // DAY_SECONDS), end // DAY_SECONDS
    if first_day > end_day:
        return Window(0, 0, (begin, end), (0, 0))
    return Window(
        first_day, end_day, (begin, first_day * DAY_SECONDS), (end_day * DAY_SECONDS, end)
    )
