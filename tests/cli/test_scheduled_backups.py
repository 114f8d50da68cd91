"""Backups that are made by themselves: verified, thinned out, and never at the cost of the old ones."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
import pytest

from keysat_adapters.sqlite.snapshot import PARTIAL
from keysat_adapters.system.ids import RandomIds
from keysat_cli.application import open_worker
from keysat_cli.backup_job import BackupJob
from keysat_cli.environment import Environment
from keysat_cli.settings import read_store_settings, read_worker_settings
from keysat_cli.wiring import open_ports
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.errors import BackupUnsound, StoreUnavailable
from keysat_core.testing.clock import FixedClock
from keysat_core.use_cases.server.backup_record import find_backup_record
from keysat_http.leasing import LeaseKeeper, Outcome
from keysat_http.ticks import perform
from tests.support.program import Program, clean_environment, shop_with_a_tier
from tests.support.stocked import run

START: Final = Instant(int(time.time()) - 5 * DAY_SECONDS)
MEAGER: Final = {"KEYSAT_BACKUP_KEEP": "last=2"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's database in one file; nobody changes it."""
    folder = tmp_path_factory.mktemp("shop")
    program = shop_with_a_tier(folder)
    program.text("license", "issue", "widget/pro")
    return program.db_path


@pytest.fixture
def program(shop: Path, tmp_path: Path) -> Program:
    (tmp_path / "keysat.db").write_bytes(shop.read_bytes())
    return Program(folder=tmp_path, variables=dict(MEAGER))


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def made_at(program: Program, now: Instant) -> int:
    """Run the job at an instant, and give how many items failed."""
    settings = read_store_settings(Environment(program.settings))
    with open_ports(settings) as ports:
        timed = replace(ports, clock=FixedClock(now))
        return BackupJob(timed, settings).run().failed


def record_of(program: Program) -> Any:
    with open_ports(read_store_settings(Environment(program.settings))) as ports:
        return find_backup_record(store=ports.store)


def finding(program: Program) -> Any:
    """What the doctor's check of the backup says first."""
    said = program.run("doctor", "--offline", "--json")
    checks = msgspec.json.decode(said.stdout)["checks"]
    (found,) = (check["findings"] for check in checks if check["name"] == "backup")
    return found[0]


def test_a_new_one_is_verified_private_and_lets_old_ones_of_its_own_go(program: Program) -> None:
    folder = program.folder / "backups"
    program.text("backup", "--to", str(folder / "keysat-20200101T000000Z.db"))
    (foreign,) = folder.glob("*.db")
    stranger = folder / "keysat-scheduled-00000000-20200101T000000Z.db"
    stranger.write_bytes(foreign.read_bytes())
    assert [made_at(program, Instant(START + day * DAY_SECONDS)) for day in range(3)] == [0, 0, 0]
    scheduled = [one for one in program.json("backups")["backups"] if one["is_verified"]]
    assert [one["is_scheduled"] for one in scheduled] == [True, True, False]
    assert {stranger, foreign} <= set(folder.iterdir())
    newest = Path(scheduled[0]["path"])
    assert [one["age_seconds"] - scheduled[1]["age_seconds"] for one in scheduled[:1]] == [
        -DAY_SECONDS
    ]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.glob("*-scheduled-[1-9a-f]*")} == {
        0o600
    }
    assert len(names_in(folder)) == 2 + 1 + 2 * 2, "a file and its checksums; of the oldest nothing"
    assert program.json("verify", str(newest))["ok"] is True
    assert program.json("health")["backup"]["last_path"] == str(newest)
    with apsw.Connection(str(newest), flags=apsw.SQLITE_OPEN_READONLY) as connection:
        assert connection.execute("SELECT count(*) FROM licenses").get == 1
    newest.write_bytes(newest.read_bytes()[:-1] + b"\xff")
    told = program.run("backups", "--checksums", "--json")
    assert told.exit_code == 9
    assert [one["is_verified"] for one in msgspec.json.decode(told.stdout)["backups"][:2]] == [
        False,
        True,
    ]


def test_what_fails_its_verification_removes_nothing_and_is_told(program: Program) -> None:
    folder = program.folder / "backups"
    program.variables["KEYSAT_BACKUP_KEEP"] = "last=1"
    made_at(program, START)
    before = names_in(folder)
    run(program.db_path, "PRAGMA foreign_keys = 0", "UPDATE licenses SET product_id = 'gone'")
    with pytest.raises(BackupUnsound, match="references"):
        made_at(program, Instant(START + DAY_SECONDS))
    assert names_in(folder) == before
    record = record_of(program)
    assert (record.began_at, record.failed_at, record.failures) == (START, START + DAY_SECONDS, 1)
    told = finding(program)
    assert (told["health"], "is not sound" in told["text"]) == ("warning", True)
    assert "is not sound" in program.text("health")


def test_no_room_and_no_folder_are_told_and_tried_again(program: Program) -> None:
    made_at(program, START)
    before = names_in(program.folder / "backups")
    huge = program.folder / "keysat-activity.db-wal"
    with huge.open("wb") as sparse:
        # It has no bytes on the disk, only a size.
        sparse.truncate(shutil.disk_usage(program.folder).free)
    # What a killed process left takes room that the next backup needs.
    left = program.folder / "backups" / f"keysat-of-a-killed-process.db{PARTIAL}"
    left.write_bytes(b"half a copy")
    with pytest.raises(StoreUnavailable, match="has no room for a backup"):
        made_at(program, Instant(START + DAY_SECONDS))
    assert not left.exists()
    huge.unlink()
    (program.folder / "taken").write_text("a file")
    program.variables["KEYSAT_BACKUP_FOLDER"] = str(program.folder / "taken" / "deeper")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        made_at(program, Instant(START + 2 * DAY_SECONDS))
    assert record_of(program).failures == 2
    assert names_in(program.folder / "backups") == before
    del program.variables["KEYSAT_BACKUP_FOLDER"]
    made_at(program, Instant(START + 3 * DAY_SECONDS))
    assert record_of(program).failures == 0
    assert record_of(program).failed_at is None


def test_it_is_due_by_its_own_time_and_when_somebody_wants_it(program: Program) -> None:
    settings = read_worker_settings(Environment(program.settings))
    with open_worker(settings) as (wiring, ticks):
        (tick,) = (tick for tick in ticks if tick.name == "backups")
        leases = LeaseKeeper(wiring.ports.store, wiring.ports.clock, RandomIds())
        outcomes = [perform(tick, leases, is_pace_kept=False).outcome for _ in range(2)]
        assert outcomes == [Outcome.DONE, Outcome.IDLE]
    program.variables["KEYSAT_BACKUP_EVERY"] = "off"
    with open_worker(read_worker_settings(Environment(program.settings))) as (_, ticks):
        assert "backups" not in {tick.name for tick in ticks}


def begun(program: Program) -> subprocess.Popen[bytes]:
    """A worker that is in the midst of a backup."""
    words = [sys.executable, "-m", "keysat_cli", "worker", "--once", "--job", "backups"]
    process = subprocess.Popen(  # noqa: S603  the words are the test's own
        words,
        cwd=program.folder,
        env=clean_environment(**program.settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: any((program.folder / "backups").glob("*.db.keysat-partial")))
    return process


def wait_until(is_so: Any) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_one_that_is_stopped_or_killed_leaves_nothing_under_a_backups_name(
    program: Program,
) -> None:
    folder = program.folder / "backups"
    run(
        program.db_path,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
        " INSERT INTO settings SELECT 'setting ' || i, hex(randomblob(400)), 1 FROM n",
    )
    with open_ports(read_store_settings(Environment(program.settings))) as ports:
        job = BackupJob(ports, read_store_settings(Environment(program.settings)))
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(job.run)
            wait_until(lambda: any(folder.glob("*.db.keysat-partial")))
            job.stop()
            assert running.result().items == 0
        assert job.run().items == 0, "a server that stops begins none"
    assert names_in(folder) == []
    assert record_of(program).failed_at is None
    process = begun(program)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # The process that copies ends with its starter, and both leave what they had.
    wait_until(lambda: not is_working(folder))
    assert not list(folder.glob("*Z.db"))
    assert list(folder.glob("*.keysat-partial"))
    (folder / "keysat-scheduled-aaaaaaaa-20200101T000000Z.db.sha256").write_text("of another shop")
    own = read_own_name(program)
    (folder / f"{own}.sha256").write_text("a killed publication left it")
    assert made_at(program, START) == 0
    assert not list(folder.glob("*.keysat-partial"))
    assert not (folder / f"{own}.sha256").exists()
    assert len(list(folder.glob("*Z.db"))) == 1
    assert len(names_in(folder)) == 3


def read_own_name(program: Program) -> str:
    with open_ports(read_store_settings(Environment(program.settings))) as ports:
        job = BackupJob(ports, read_store_settings(Environment(program.settings)))
        return f"keysat-scheduled-{job._shop()}-20200101T000000Z.db"


def is_working(folder: Path) -> bool:
    """Tell whether any process still has a file of a folder open."""
    for links in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(str(link.readlink()).startswith(str(folder)) for link in links.iterdir()):
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("EVERY", "0"), ("EVERY", "59s"), ("EVERY", "32d"), ("EVERY", "daily"),
        ("KEEP", "7"), ("KEEP", "daily=0"), ("KEEP", "daily=7,daily=8"), ("KEEP", "yearly=1"),
        ("KEEP", "daily=-1"), ("KEEP", "daily=1001"), ("KEEP", ","), ("FOLDER", "keysat.db"),
    ],
)  # fmt: skip
def test_a_senseless_setting_stops_the_start(name: str, text: str, program: Program) -> None:
    program.variables[f"KEYSAT_BACKUP_{name}"] = text
    code, said = program.refusal("worker", "--once")
    assert (code, said["code"]) == (6, "configuration_error")
    assert f"KEYSAT_BACKUP_{name}: " in said["message"]
