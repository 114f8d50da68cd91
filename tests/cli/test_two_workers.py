"""Real processes on one database: a job is run by one of them at a time, whatever happens to it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from tests.support.leased_worker import EVERY_SECONDS
from tests.support.program import clean_environment

Worker = subprocess.Popen[bytes]
Start = Callable[[str], Worker]
Note = tuple[str, int, int]

ROUNDS = 3
WAIT_SECONDS = 60


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def start(tmp_path: Path, notes: Path) -> Iterator[Start]:
    database = tmp_path / "keysat.db"
    with SQLiteStore.open(database):
        pass
    words = [sys.executable, "-m", "tests.support.leased_worker", str(database), str(notes)]
    with ExitStack() as stack:

        def start(how: str) -> Worker:
            process = subprocess.Popen([*words, how], env=clean_environment())  # noqa: S603
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


def read(notes: Path) -> list[Note]:
    lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
    return [(word, int(pid), int(second)) for word, pid, second in map(str.split, lines)]


def wait_for(notes: Path, is_so: Callable[[list[Note]], object]) -> list[Note]:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so(read(notes)):
        assert time.monotonic() < deadline, read(notes)
        time.sleep(0.05)
    return read(notes)


def of(found: list[Note], word: str) -> list[Note]:
    return [note for note in found if note[0] == word]


def test_a_job_is_never_doubled(start: Start, notes: Path) -> None:
    workers = [start("quick") for _ in range(3)]
    wait_for(notes, lambda found: len(of(found, "ready")) == 3 and len(of(found, "end")) > ROUNDS)
    for worker in workers:
        worker.terminate()
    assert [worker.wait(WAIT_SECONDS) for worker in workers] == [0, 0, 0]
    runs = [note for note in read(notes) if note[0] != "ready"]
    assert [word for word, _, _ in runs] == ["begin", "end"] * (len(runs) // 2)
    begun, ended = runs[0::2], runs[1::2]
    assert [pid for _, pid, _ in begun] == [pid for _, pid, _ in ended]
    pace = int(EVERY_SECONDS * 0.9)
    pauses = [after[2] - before[2] for before, after in zip(ended, begun[1:], strict=False)]
    assert min(pauses) >= pace


def test_a_killed_workers_job_is_taken_over(start: Start, notes: Path) -> None:
    holder = start("hang")
    wait_for(notes, lambda found: of(found, "begin"))
    successor = start("quick")
    wait_for(notes, lambda found: len(of(found, "ready")) == 2)
    holder.kill()
    found = wait_for(notes, lambda found: of(found, "end"))
    assert [pid for _, pid, _ in of(found, "begin")][:2] == [holder.pid, successor.pid]
