"""Jobs under leases: one server at a time, nothing written for nothing, losses said."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
import structlog

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.instant import Instant
from keysat_core.domain.lease import Lease
from keysat_core.errors import StoreBusy
from keysat_core.limits import LEASE_SECONDS
from keysat_core.testing.clock import START, FixedClock
from keysat_http.leasing import Attempt, LeaseKeeper, Outcome, Work

PACE = 13
NOW = Instant(START)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keysat.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore.open(path, busy_seconds=0.2) as store:
        yield store


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def keeper(store: SQLiteStore, clock: FixedClock) -> LeaseKeeper:
    return LeaseKeeper(store, clock, RandomIds(), renew_seconds=0.02)


def attempt(
    keeper: LeaseKeeper, run: Callable[[], Work | int | None] = lambda: 1, **more: Any
) -> Attempt:
    return keeper.attempt("job", run, has_work=more.get("has_work"), pace_seconds=PACE)


def lease(store: SQLiteStore) -> Lease | None:
    with store.reading() as tx:
        return tx.leases.find_lease("job")


def ahead(clock: FixedClock) -> Instant:
    """The end of a lease taken now."""
    return Instant(clock.now() + LEASE_SECONDS)


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_run_says_what_it_did_and_frees_its_lease(
    keeper: LeaseKeeper, store: SQLiteStore
) -> None:
    done = attempt(keeper, lambda: Work(items=3, failed=1))
    assert done == Attempt(outcome=Outcome.DONE, work=Work(items=3, failed=1))
    assert lease(store) == Lease(name="job", finished_at=NOW)


def test_the_lease_is_held_while_the_job_runs(keeper: LeaseKeeper, store: SQLiteStore) -> None:
    seen: list[Lease | None] = []
    attempt(keeper, lambda: seen.append(lease(store)))
    (held,) = seen
    assert held is not None
    assert held.holder is not None
    assert held.held_until == START + LEASE_SECONDS


def test_a_job_that_runs_is_run_by_nobody_else(keeper: LeaseKeeper) -> None:
    inner: list[Attempt] = []
    attempt(keeper, lambda: inner.append(attempt(keeper)))
    assert [one.outcome for one in inner] == [Outcome.HELD]


def test_a_job_run_elsewhere_is_not_due_and_says_when_it_was(
    keeper: LeaseKeeper, clock: FixedClock
) -> None:
    attempt(keeper)
    clock.advance(PACE - 1)
    assert attempt(keeper) == Attempt(outcome=Outcome.NOT_DUE, finished_at=NOW)
    clock.advance(1)
    assert attempt(keeper).outcome is Outcome.DONE


def test_servers_that_see_the_same_work_at_once_do_it_once(
    store: SQLiteStore, clock: FixedClock, path: Path
) -> None:
    start = threading.Barrier(8)
    runs: list[int] = []

    def look() -> Outcome:
        with SQLiteStore.open(path, migrate=False) as own:
            keeper = LeaseKeeper(own, clock, RandomIds())
            start.wait(20)
            return attempt(keeper, lambda: runs.append(1)).outcome

    with ThreadPoolExecutor(8) as pool:
        outcomes = [future.result() for future in [pool.submit(look) for _ in range(8)]]
    assert len(runs) == outcomes.count(Outcome.DONE) == 1


def test_an_idle_job_writes_nothing_and_neither_does_one_refused(
    keeper: LeaseKeeper, path: Path
) -> None:
    attempt(keeper)
    with closing(apsw.Connection(str(path))) as other:
        before = other.pragma("data_version")
        assert attempt(keeper, has_work=lambda: False).outcome is Outcome.IDLE
        assert attempt(keeper, has_work=lambda: True).outcome is Outcome.NOT_DUE
        assert other.pragma("data_version") == before


def test_an_idle_look_does_not_delay_the_work_that_comes_after_it(keeper: LeaseKeeper) -> None:
    assert attempt(keeper, has_work=lambda: False).outcome is Outcome.IDLE
    assert attempt(keeper, has_work=lambda: True).outcome is Outcome.DONE


def test_a_failed_job_is_due_at_once(keeper: LeaseKeeper, store: SQLiteStore) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attempt(keeper, fail)
    assert lease(store) == Lease(name="job")
    assert attempt(keeper).outcome is Outcome.DONE


def test_a_long_run_keeps_its_lease(
    keeper: LeaseKeeper, store: SQLiteStore, clock: FixedClock
) -> None:
    def work() -> None:
        clock.advance(LEASE_SECONDS - 1)
        wait_until(lambda: (lease(store) or Lease(name="")).held_until == ahead(clock))
        clock.advance(LEASE_SECONDS - 1)
        assert attempt(keeper).outcome is Outcome.HELD

    assert attempt(keeper, work).outcome is Outcome.DONE


def test_a_lost_lease_is_noticed_while_the_job_runs(
    keeper: LeaseKeeper, store: SQLiteStore, clock: FixedClock
) -> None:
    # The machine slept, and another server took what had lapsed.
    def sleep() -> None:
        with store.writing() as tx:
            tx.leases.put_lease(Lease(name="job", holder="other", held_until=ahead(clock)))
        wait_until(lambda: any(line["event"] == "lease_lost" for line in lines))

    with structlog.testing.capture_logs() as lines:
        attempt(keeper, sleep)
    assert [line["event"] for line in lines] == ["lease_lost", "lease_was_lost"]
    assert {line["tick"] for line in lines} == {"job"}
    found = lease(store)
    assert found is not None
    assert found.holder == "other"


def test_a_job_that_hangs_gives_its_lease_up(store: SQLiteStore, clock: FixedClock) -> None:
    keeper = LeaseKeeper(store, clock, RandomIds(), renew_seconds=0.01, run_seconds_max=0.0)

    def hang() -> None:
        wait_until(lambda: any(line["event"] == "lease_given_up" for line in lines))
        clock.advance(LEASE_SECONDS)
        assert attempt(keeper).outcome is Outcome.DONE

    with structlog.testing.capture_logs() as lines:
        attempt(keeper, hang)
    assert [line["event"] for line in lines] == ["lease_given_up", "lease_was_lost"]


def test_a_database_that_is_locked_for_a_while_costs_no_lease(
    keeper: LeaseKeeper, store: SQLiteStore
) -> None:
    def work() -> None:
        with store.writing():
            wait_until(lambda: any(line["event"] == "lease_not_renewed" for line in lines))

    with structlog.testing.capture_logs() as lines:
        assert attempt(keeper, work).outcome is Outcome.DONE
    assert {line["event"] for line in lines} == {"lease_not_renewed"}


def test_a_run_whose_lease_cannot_be_freed_is_done_all_the_same(
    keeper: LeaseKeeper, store: SQLiteStore, path: Path
) -> None:
    with closing(apsw.Connection(str(path))) as other, structlog.testing.capture_logs() as lines:
        done = attempt(keeper, lambda: len(other.execute("BEGIN IMMEDIATE").fetchall()))
        other.execute("ROLLBACK").fetchall()
    assert done.outcome is Outcome.DONE
    assert "lease_not_freed" in {line["event"] for line in lines}
    assert attempt(keeper).outcome is Outcome.HELD


def test_a_lease_that_cannot_be_asked_for_runs_nothing(keeper: LeaseKeeper, path: Path) -> None:
    runs: list[int] = []
    with closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN IMMEDIATE").fetchall()
        with pytest.raises(StoreBusy):
            attempt(keeper, lambda: runs.append(1))
    assert runs == []
