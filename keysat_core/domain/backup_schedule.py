"""Scheduled backups: when one is due, what they are called, and which of them may go again.

Going by what is there, not by the clock: a clock that leaps ahead makes no kept backup old.
"""

from collections.abc import Callable, Collection
from typing import Final

import msgspec

from keysat_core.domain.instant import DAY_SECONDS, Instant, parse_rfc3339, rfc3339
from keysat_core.domain.text import checked_range
from keysat_core.errors import InvariantError
from keysat_core.limits import (
    BACKUP_RETRY_SECONDS,
    BACKUPS_KEPT_MAX,
    CLOCK_MARGIN_SECONDS,
)

_SUFFIX: Final = ".db"
_STAMP_CHARS: Final = len("20260131T040000Z")
_FIRST_MONDAY: Final = 4
"""Days from 1970-01-01, a Thursday, to the first Monday."""

_DOUBLINGS_MAX: Final = 10
"""The interval is the longest pause anyway; this only keeps the number small."""


class BackupsKept(msgspec.Struct, frozen=True, kw_only=True):
    """How many scheduled backups are kept: the last so many, and of so many days, weeks and months.

    Only days, weeks and months with a backup count, in UTC, and of each its newest is kept.
    """

    last: int = 3
    daily: int = 7
    weekly: int = 4
    monthly: int = 6

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            checked_range(getattr(self, name), field=name, low=0, high=BACKUPS_KEPT_MAX)


class BackupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of scheduled backups.

    Attributes:
        began_at: When the last good one was begun; None if there was none.
        failed_at: When the last attempt failed; None if it went well.
        failures: How many failed since the last good one.
        problem: Why the last attempt failed.
    """

    began_at: Instant | None = None
    failed_at: Instant | None = None
    failures: int = 0
    problem: str | None = None


def is_backup_due(record: BackupRecord, *, every_seconds: int, now: Instant) -> bool:
    """Tell whether a scheduled backup is to be made now.

    One that failed is tried again after a pause that doubles up to the interval. An instant in the
    future was written by a wrong clock, and nobody waits for it.
    """
    if record.failed_at is not None:
        doublings = min(max(record.failures - 1, 0), _DOUBLINGS_MAX)
        pause = min(every_seconds, BACKUP_RETRY_SECONDS << doublings)
        return not _is_within(record.failed_at, pause, now)
    return record.began_at is None or not _is_within(record.began_at, every_seconds, now)


def _is_within(since: Instant, seconds: int, now: Instant) -> bool:
    return -CLOCK_MARGIN_SECONDS <= now - since < seconds


def backup_stamp(instant: Instant) -> str:
    """Spell an instant so that it can be part of a file's name, and sorts."""
    return rfc3339(instant).translate({ord("-"): None, ord(":"): None})


def scheduled_name(instant: Instant, *, stem: str, shop: str) -> str:
    """Name a scheduled backup. ``shop`` tells shops that share a folder apart."""
    return f"{stem}-scheduled-{shop}-{backup_stamp(instant)}{_SUFFIX}"


def scheduled_at(name: str, *, stem: str, shop: str) -> Instant | None:
    """Read when a scheduled backup of a shop was begun from its name; None of any other name."""
    instant = stamped_at(name)
    is_own = instant is not None and name == scheduled_name(instant, stem=stem, shop=shop)
    return instant if is_own else None


def stamped_at(name: str) -> Instant | None:
    """Read the instant that a backup is named by; None if it has another name."""
    stamp = name.removesuffix(_SUFFIX)[-_STAMP_CHARS:]
    spelled = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:]}"
    try:
        instant = parse_rfc3339(spelled, field="name")
    except InvariantError:
        return None
    return instant if name.endswith(f"-{backup_stamp(instant)}{_SUFFIX}") else None


def superfluous_backups(
    made: Instant, others: Collection[Instant], kept: BackupsKept
) -> set[Instant]:
    """Say which scheduled backups may go now that ``made`` is there and was verified.

    Without a new good backup nothing may: there is no answer without one. It is itself never
    among them, nor is any that seems to be younger, which a wrong clock has named.
    """
    older = sorted((instant for instant in others if instant < made), reverse=True)
    line = [made, *older]
    wanted = {made, *line[: kept.last]}
    for period, count in ((_day, kept.daily), (_week, kept.weekly), (_month, kept.monthly)):
        wanted |= _newest_of_each(line, period, count)
    return set(older) - wanted


def _newest_of_each(
    line: Collection[Instant], period: Callable[[Instant], int | str], count: int
) -> set[Instant]:
    """Give the newest of each of the last so many periods that have any; newest come first."""
    newest: dict[int | str, Instant] = {}
    for instant in line:
        newest.setdefault(period(instant), instant)
    return set(list(newest.values())[:count])


def _day(instant: Instant) -> int:
    return instant // DAY_SECONDS


def _week(instant: Instant) -> int:
    return (_day(instant) - _FIRST_MONDAY) // 7


def _month(instant: Instant) -> str:
    return rfc3339(instant)[:7]
