"""The thread that writes behind, and heartbeats while their disk fails."""

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import apsw
import structlog.testing

from keysat_adapters.sqlite import heartbeats as heartbeats_module
from keysat_adapters.sqlite.activity import Activity
from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.heartbeats import FLUSH_MACHINES, SQLiteHeartbeats
from keysat_adapters.sqlite.validation_log import FLUSH_ENTRIES
from keysat_core.domain.activity import Heartbeat, ValidationEntry
from keysat_core.domain.ids import MachineId
from tests.support.builders import NOW, later

ENTRY = ValidationEntry(result="ok", occurred_at=NOW)
BEAT = Heartbeat(machine_id=MachineId("m"), seen_at=NOW)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_logged(activity: Activity, entries: list[ValidationEntry]) -> bool:
    return activity.validations.list_entries(9) == entries


def test_what_is_noted_is_written_without_anybody_asking(tmp_path: Path) -> None:
    with closing(Activity(tmp_path / "a.db", heartbeat_seconds=0.3)) as activity:
        activity.start()
        activity.validations.note(ENTRY)
        activity.heartbeats.note(BEAT.machine_id, BEAT.seen_at, BEAT.ip)
        assert eventually(lambda: activity.validations.list_entries(9) == [ENTRY])
        assert eventually(lambda: activity.heartbeats.list_written(9) == [BEAT])


def test_enough_for_a_group_wakes_the_writer_before_its_time() -> None:
    woken = []
    activity = Activity()
    log = type(activity.validations)(activity.file, wake=lambda: woken.append(log.queued_count))
    for _ in range(FLUSH_ENTRIES):
        log.note(ENTRY)
    assert woken == []
    log.note(ENTRY)
    log.note(ENTRY)
    assert woken == [FLUSH_ENTRIES + 1]


def test_heartbeats_wait_for_their_own_time_and_the_log_does_not_wait_with_them(
    tmp_path: Path,
) -> None:
    with closing(Activity(tmp_path / "a.db", heartbeat_seconds=3_600)) as activity:
        activity.start()
        activity.heartbeats.note(BEAT.machine_id, BEAT.seen_at, BEAT.ip)
        for written in ([ENTRY], [ENTRY] * 2):
            activity.validations.note(ENTRY)
            assert eventually(partial(is_logged, activity, written))
        assert activity.heartbeats.list_written(9) == []


def test_enough_machines_are_written_before_their_time(tmp_path: Path) -> None:
    with closing(Activity(tmp_path / "a.db", heartbeat_seconds=3_600)) as activity:
        activity.start()
        for number in range(FLUSH_MACHINES):
            activity.heartbeats.note(MachineId(f"{number:05}"), NOW, None)
        assert eventually(lambda: len(activity.heartbeats.list_written(9_999)) == FLUSH_MACHINES)


class CountedFile(apsw.VFSFile):
    """Counts how often what was written is forced to the disk."""

    syncs = 0

    def xSync(self, flags: int) -> None:  # noqa: N802  SQLite's name
        CountedFile.syncs += 1
        super().xSync(flags)


class CountingDisk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("counting", base="unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return CountedFile("unix", name, flags)


def test_what_was_written_outlives_a_power_cut(tmp_path: Path) -> None:
    disk = CountingDisk()
    try:
        with closing(Activity(tmp_path / "a.db")) as activity:
            activity.validations.note(ENTRY)
            activity.flush()
            for number in range(5):
                before = CountedFile.syncs
                activity.validations.note(ENTRY)
                activity.heartbeats.note(MachineId(str(number)), NOW, None)
                assert activity.flush() == 2
                assert CountedFile.syncs >= before + 2
    finally:
        apsw.set_default_vfs("unix")
        disk.unregister()


def test_closing_writes_both_and_a_second_time_does_nothing(tmp_path: Path) -> None:
    activity = Activity(tmp_path / "a.db")
    activity.start()
    activity.validations.note(ENTRY)
    activity.heartbeats.note(BEAT.machine_id, BEAT.seen_at, BEAT.ip)
    activity.close()
    activity.close()
    with closing(Activity(tmp_path / "a.db")) as again:
        assert again.validations.list_entries(9) == [ENTRY]
        assert again.heartbeats.list_written(9) == [BEAT]


def test_a_disk_that_fails_is_told_once_and_so_is_its_recovery(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.mkdir()
    with closing(Activity(path)) as activity, structlog.testing.capture_logs() as lines:
        activity.validations.note(ENTRY)
        assert [activity.flush(), activity.flush()] == [0, 0]
        path.rmdir()
        assert activity.flush() == 1
    assert [line["event"] for line in lines] == ["activity_unwritable", "activity_writable_again"]
    assert lines[0]["problem"]


def test_heartbeats_wait_for_a_disk_that_fails_and_are_known_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.mkdir()
    with closing(ActivityFile(path)) as file:
        heartbeats = SQLiteHeartbeats(file)
        heartbeats.note(BEAT.machine_id, BEAT.seen_at, BEAT.ip)
        assert heartbeats.flush() == 0
        assert heartbeats.problem
        assert heartbeats.last_seen([BEAT.machine_id]) == {BEAT.machine_id: BEAT}
        path.rmdir()
        assert heartbeats.flush() == 1
        assert heartbeats.problem is None


def test_a_flood_of_machines_loses_the_oldest_and_keeps_its_bound() -> None:
    heartbeats = SQLiteHeartbeats(ActivityFile())
    extra = 5
    for number in range(heartbeats_module.MACHINES_MAX + extra):
        heartbeats.note(MachineId(str(number)), later(0), None)
    assert heartbeats.flush() == heartbeats_module.MACHINES_MAX
    wanted = [MachineId(str(number)) for number in range(extra + 1)]
    assert list(heartbeats.last_seen(wanted)) == [str(extra)]
