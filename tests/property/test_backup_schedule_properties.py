"""Which backups are kept: whatever the clock did, the new one stays and every period keeps its newest."""

from collections.abc import Callable, Iterable
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.backup_schedule import (
    BackupRecord,
    BackupsKept,
    backup_stamp,
    is_backup_due,
    scheduled_at,
    scheduled_name,
    stamped_at,
    superfluous_backups,
)
from keysat_core.domain.instant import DAY_SECONDS, Instant, rfc3339, stored_instant
from keysat_core.errors import InvariantError
from keysat_core.limits import BACKUP_RETRY_SECONDS, BACKUPS_KEPT_MAX, CLOCK_MARGIN_SECONDS
from keysat_core.testing.strategies import backups_kept, instants
from tests.support.builders import NOW

EPOCH = date(1970, 1, 1).toordinal()

PERIODS: dict[str, Callable[[Instant], object]] = {
    "daily": lambda at: at // DAY_SECONDS,
    # The calendar's own weeks, not those of the rule.
    "weekly": lambda at: (
        __import__("datetime").date.fromordinal(719163 + at // DAY_SECONDS).isocalendar()[:2]
    ),
    "monthly": lambda at: rfc3339(at)[:7],
}


@st.composite
def folders(draw: st.DrawFn) -> tuple[Instant, set[Instant]]:
    """A new backup and others around it: hours, days and years apart, some from the future."""
    made = Instant(draw(st.integers(NOW - 10**9, NOW + 10**9)))
    gaps = st.integers(-30 * DAY_SECONDS, 900 * DAY_SECONDS) | st.integers(1, 90_000)
    others = {Instant(made - gap) for gap in draw(st.sets(gaps, max_size=40)) if gap}
    return made, others


def newest_by(period: Callable[[Instant], object], line: Iterable[Instant]) -> list[Instant]:
    found: dict[object, Instant] = {}
    for at in sorted(line):
        found[period(at)] = at
    return sorted(found.values(), reverse=True)


@given(folder=folders(), kept=backups_kept())
def test_nothing_goes_that_anybody_wants(
    folder: tuple[Instant, set[Instant]], kept: BackupsKept
) -> None:
    made, others = folder
    gone = superfluous_backups(made, others, kept)
    past = {at for at in others if at < made}
    assert gone <= past, "neither the new one nor any from the future"
    left = {made, *past} - gone
    assert set(sorted({made, *past}, reverse=True)[: kept.last]) <= left
    for name, period in PERIODS.items():
        assert set(newest_by(period, {made, *past})[: getattr(kept, name)]) <= left
    assert len(left) <= 1 + kept.last + kept.daily + kept.weekly + kept.monthly
    assert superfluous_backups(made, others - gone, kept) == set()


def test_two_years_of_days_leave_days_weeks_and_months() -> None:
    kept, random = BackupsKept(), Random(7)  # noqa: S311
    made, all_made, there = NOW, [], set[Instant]()
    for _ in range(730):
        # Some days the machine is off, and none is made at quite the same time.
        made = Instant(made + random.choice([1, 1, 1, 3]) * DAY_SECONDS + random.randint(0, 600))
        all_made.append(made)
        there -= superfluous_backups(made, there, kept)
        there.add(made)
    for name, period in PERIODS.items():
        assert set(newest_by(period, all_made)[: getattr(kept, name)]) <= there
    assert len(there) <= 3 + 7 + 4 + 6


@given(began_at=instants())
def test_a_name_tells_when_and_whose(began_at: Instant) -> None:
    name = scheduled_name(began_at, stem="keysat", shop="00ff00ff")
    assert scheduled_at(name, stem="keysat", shop="00ff00ff") == began_at
    assert stamped_at(name) == stamped_at(f"x-{backup_stamp(began_at)}.db") == began_at
    others = {"stem": "keysat", "shop": "00ff00fe"}, {"stem": "shop", "shop": "00ff00ff"}
    assert [scheduled_at(name, **other) for other in others] == [None, None]
    for strange in (
        f"my-{name}",
        f"{name}.db",
        name.replace("Z", "z"),
        name[:-4] + ".db",
        "keysat.db",
        "",
    ):
        assert scheduled_at(strange, stem="keysat", shop="00ff00ff") is None


DAY = DAY_SECONDS
RETRY = BACKUP_RETRY_SECONDS
FAR = CLOCK_MARGIN_SECONDS + 1


@pytest.mark.parametrize(
    ("began", "failed", "failures", "is_due"),
    [
        (None, None, 0, True),
        (DAY, None, 0, True), (DAY - 1, None, 0, False), (-1, None, 0, False), (-FAR, None, 0, True),
        (9 * DAY, RETRY - 1, 1, False), (9 * DAY, RETRY, 1, True),
        (None, 2 * RETRY - 1, 2, False), (None, 2 * RETRY, 2, True),
        (None, DAY - 1, 40, False), (None, DAY, 40, True), (None, -FAR, 3, True),
        (0, RETRY, 0, True),
    ],
)  # fmt: skip
def test_one_is_due_after_the_interval_and_a_failed_one_sooner(
    began: int | None, failed: int | None, failures: int, *, is_due: bool
) -> None:
    record = BackupRecord(
        began_at=None if began is None else Instant(NOW - began),
        failed_at=None if failed is None else Instant(NOW - failed),
        failures=failures,
    )
    assert is_backup_due(record, every_seconds=DAY, now=NOW) is is_due


@pytest.mark.parametrize("count", [-1, BACKUPS_KEPT_MAX + 1])
def test_a_senseless_number_of_backups_is_refused(count: int) -> None:
    with pytest.raises(InvariantError, match="weekly"):
        BackupsKept(weekly=count)


@given(instant=instants())
def test_an_instant_is_kept_as_text_and_anything_else_is_none(instant: Instant) -> None:
    assert stored_instant(str(instant)) == instant
    others = (None, "", "-1", "soon", "\N{SUPERSCRIPT TWO}", "9" * 12, "9" * 5_000)
    assert {stored_instant(text) for text in others} == {None}
