"""Sums that are kept for each day, and the hours at both ends that are no whole day."""

from typing import Final, NamedTuple

from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.limits import INSTANT_MAX

MONTH_DAYS: Final = 32


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
    return Window(*_apart(begin, end, DAY_SECONDS))


def months_of(since: Instant | None, until: Instant | None) -> tuple[int, ...]:
    """Take a time apart into months of ``MONTH_DAYS``, days and seconds: the bounds of five spans."""
    window = window_of(since, until)
    first, end, head, tail = _apart(window.first_day, window.end_day, MONTH_DAYS)
    return (first, end, *head, *tail, *window.head, *window.tail)


def _apart(begin: int, end: int, size: int) -> tuple[int, int, tuple[int, int], tuple[int, int]]:
    """Give the whole parts between two bounds, and what is left at each end."""
    first, last = -(-begin // size), end // size
    if first > last:
        return 0, 0, (begin, end), (0, 0)
    return first, last, (begin, first * size), (last * size, end)
