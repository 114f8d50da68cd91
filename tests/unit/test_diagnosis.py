"""What the doctor makes of each measurement, at both sides of every threshold."""

from typing import Any

import pytest

from keysat_core.domain import file_diagnosis, work_diagnosis
from keysat_core.domain.file_diagnosis import BackupFacts, DiskSpace
from keysat_core.domain.finding import Finding, Health
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.lease import Lease
from keysat_core.domain.work_diagnosis import ClockFacts
from keysat_core.limits import (
    BACKUP_DAYS_MAX,
    CLOCK_FLOOR,
    CLOCK_MARGIN_SECONDS,
    DISK_FREE_BYTES_AMPLE,
    DISK_FREE_BYTES_LOW,
    DISK_FREE_BYTES_MIN,
    EFFECT_SECONDS_MAX,
    INSTANT_MAX,
    LEASE_CLOCK_STEP_SECONDS,
    LEASE_LEFT_SECONDS_MAX,
    LEASE_SECONDS,
    TICK_SILENCE_SECONDS_MAX,
    WAL_BYTES_HIGH,
    WAL_BYTES_MAX,
)
from tests.support.builders import NOW, later

OK, WARNING, FAILING = Health.OK, Health.WARNING, Health.FAILING
GIB = 2**30


def healths(findings: list[Finding]) -> list[Health]:
    """How the findings are; whatever is wrong says what to do."""
    assert findings
    assert all((one.remedy is None) is (one.health is OK) for one in findings)
    return [one.health for one in findings]


def test_damage_is_named_but_not_all_of_it() -> None:
    assert healths(file_diagnosis.judge_integrity([])) == [OK]
    (found,) = file_diagnosis.judge_integrity([f"page {number}" for number in range(50)])
    assert healths([found]) == [FAILING]
    assert "page 4" in found.text
    assert "page 5" not in found.text


def test_dangling_references_are_counted_by_table() -> None:
    assert healths(file_diagnosis.judge_references({})) == [OK]
    (found,) = file_diagnosis.judge_references({"machines": 2, "licenses": 1})
    assert healths([found]) == [FAILING]
    assert found.text.endswith("1 in licenses, 2 in machines")


@pytest.mark.parametrize(
    ("free", "total", "backup", "health"),
    [
        (DISK_FREE_BYTES_MIN - 1, 100 * GIB, 0, FAILING),
        (DISK_FREE_BYTES_MIN, GIB, 0, WARNING),
        (DISK_FREE_BYTES_LOW - 1, GIB, 0, WARNING),
        (DISK_FREE_BYTES_LOW, 10 * GIB, 0, OK),
        (4 * GIB, 100 * GIB, 0, WARNING),
        (5 * GIB, 100 * GIB, 0, OK),
        (DISK_FREE_BYTES_AMPLE, 10_000 * GIB, 0, OK),
        (2 * GIB, 10 * GIB, 2 * GIB, WARNING),
        (2 * GIB, 10 * GIB, GIB, OK),
        (0, 0, 0, FAILING),
    ],
)
def test_space_is_judged_by_bytes_share_and_the_next_backup(
    free: int, total: int, backup: int, health: Health
) -> None:
    disk = DiskSpace(free_bytes=free, total_bytes=total, backup_bytes=backup)
    assert healths(file_diagnosis.judge_disk(disk)) == [health]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({}, [OK]),
        ({"a-wal": WAL_BYTES_HIGH - 1}, [OK]),
        ({"a-wal": WAL_BYTES_HIGH}, [WARNING]),
        ({"a-wal": WAL_BYTES_MAX, "b-wal": WAL_BYTES_HIGH}, [FAILING, WARNING]),
    ],
)
def test_a_log_that_only_grows_is_found(sizes: dict[str, int], expected: list[Health]) -> None:
    assert healths(file_diagnosis.judge_wal(sizes)) == expected


WEEK = BACKUP_DAYS_MAX * DAY_SECONDS
FAILED: dict[str, Any] = {"failed_at": NOW, "problem": "no room"}


@pytest.mark.parametrize(
    ("fields", "health", "said"),
    [
        ({"last_at": None}, WARNING, "never"),
        ({"last_at": None, "has_sold": False}, OK, "nothing to lose"),
        ({"last_at": str(NOW)}, OK, "/b"),
        ({"last_at": str(NOW), "is_there": False}, WARNING, "not at /b any more"),
        ({"last_at": str(NOW - WEEK)}, OK, "/b"),
        ({"last_at": str(NOW - WEEK - 1)}, WARNING, "7 days old"),
        ({"last_at": str(NOW + CLOCK_MARGIN_SECONDS)}, OK, "/b"),
        ({"last_at": str(NOW + CLOCK_MARGIN_SECONDS + 1)}, WARNING, "future"),
        ({"last_at": "999999999999"}, WARNING, "Unix time 999999999999"),
        ({"last_at": "yesterday"}, WARNING, "unreadable"),
        ({"last_at": "9" * 5000}, WARNING, "unreadable"),
        ({"last_at": "\N{SUPERSCRIPT TWO}"}, WARNING, "unreadable"),
        ({"last_at": str(NOW - 2 * WEEK), "every_seconds": WEEK}, OK, "/b"),
        ({"last_at": str(NOW - 2 * WEEK - 1), "every_seconds": WEEK}, WARNING, "14 days old"),
        ({"last_at": str(NOW), **FAILED, "every_seconds": WEEK}, WARNING, "failed at"),
        (
            {"last_at": str(NOW - 2 * WEEK - 1), **FAILED, "every_seconds": WEEK},
            FAILING,
            "14 days old",
        ),
        ({"last_at": str(NOW), **FAILED}, OK, "/b"),
    ],
)
def test_a_backup_is_judged_by_its_age(fields: dict[str, Any], health: Health, said: str) -> None:
    facts: dict[str, Any] = {"last_path": "/b", "is_there": True, "has_sold": True}
    found = file_diagnosis.judge_backup(BackupFacts(**facts | fields), NOW)
    assert healths(found) == [health]
    assert said in found[0].text


def test_open_files_say_how_to_close_them() -> None:
    assert healths(file_diagnosis.judge_modes({"/a": 0o600, "/b": 0o400})) == [OK]
    others, group = file_diagnosis.judge_modes({"/a": 0o604, "/b": 0o640})
    assert healths([others, group]) == [FAILING, WARNING]
    assert others.remedy == "run: chmod 600 /a"
    assert healths(file_diagnosis.judge_modes({"/a": 0o602})) == [FAILING]


LONG = LEASE_SECONDS + LEASE_CLOCK_STEP_SECONDS


@pytest.mark.parametrize(
    ("held_until", "holder", "health"),
    [
        (later(LONG), "a", OK),
        (later(LONG + 1), "a", WARNING),
        (Instant(INSTANT_MAX + 1), "a", WARNING),
        (later(LONG + 1), None, OK),
        (later(-LEASE_LEFT_SECONDS_MAX), "a", OK),
        (later(-LEASE_LEFT_SECONDS_MAX - 1), "a", WARNING),
        (Instant(0), None, OK),
    ],
)
def test_a_stuck_lease_is_found(held_until: Instant, holder: str | None, health: Health) -> None:
    lease = Lease(name="job", holder=holder, held_until=held_until)
    assert healths(work_diagnosis.judge_leases([lease], NOW)) == [health]


def test_paid_invoices_may_wait_a_moment_for_their_license() -> None:
    assert healths(work_diagnosis.judge_unfinished([], NOW)) == [OK]
    assert healths(work_diagnosis.judge_unfinished([later(-EFFECT_SECONDS_MAX)], NOW)) == [OK]
    late = [later(-EFFECT_SECONDS_MAX - 1), Instant(-5), NOW]
    (found,) = work_diagnosis.judge_unfinished(late, NOW)
    assert healths([found]) == [FAILING]
    assert found.text.startswith("2 paid invoices")
    assert "Unix time -5" in found.text


@pytest.mark.parametrize(
    ("finished_at", "health"),
    [
        (None, OK),
        (NOW, OK),
        (later(-TICK_SILENCE_SECONDS_MAX), OK),
        (later(-TICK_SILENCE_SECONDS_MAX - 1), WARNING),
        (later(CLOCK_MARGIN_SECONDS), OK),
        (later(CLOCK_MARGIN_SECONDS + 1), WARNING),
    ],
)
def test_silent_jobs_are_found(finished_at: Instant | None, health: Health) -> None:
    assert healths(work_diagnosis.judge_ticks(finished_at, NOW)) == [health]


@pytest.mark.parametrize(
    ("now", "newest_at", "drift", "health"),
    [
        (NOW, None, 0.0, OK),
        (NOW, NOW, -2.0, OK),
        (Instant(CLOCK_FLOOR - 1), None, 0.0, FAILING),
        (Instant(CLOCK_FLOOR), None, 0.0, OK),
        (Instant(INSTANT_MAX + 1), None, 0.0, FAILING),
        (NOW, later(CLOCK_MARGIN_SECONDS), 0.0, OK),
        (NOW, later(CLOCK_MARGIN_SECONDS + 1), 0.0, FAILING),
        (NOW, None, 2.1, WARNING),
        (NOW, None, -3600.0, WARNING),
    ],
)
def test_a_clock_that_cannot_be_right_is_found(
    now: Instant, newest_at: Instant | None, drift: float, health: Health
) -> None:
    facts = ClockFacts(now=now, newest_at=newest_at, drift_seconds=drift)
    assert healths(work_diagnosis.judge_clock(facts)) == [health]
