"""Background ticks: apart from each other, in spite of errors, and only until the stop."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
import structlog

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.instant import Instant
from keysat_core.domain.lease import Lease
from keysat_core.limits import LEASE_SECONDS
from keysat_http.leasing import LeaseKeeper, Work
from keysat_http.meters import TickMeter
from keysat_http.ticks import Tick, TickRunner
from tests.support.http import START, TurnedClock


def tick(run: Callable[[], object], *, name: str = "job", every: float = 0.01) -> Tick:
    def work() -> None:
        run()

    return Tick(name=name, first_after_seconds=0.0, every_seconds=every, run=work)


def run_for(seconds: float, *ticks: Tick, stop_seconds: float = 1.0) -> TickRunner:
    async def live() -> TickRunner:
        runner = TickRunner(ticks, TurnedClock(), stop_seconds=stop_seconds)
        runner.start()
        await asyncio.sleep(seconds)
        await runner.stop()
        return runner

    return asyncio.run(live())


def test_a_tick_runs_again_and_again_outside_the_event_loop() -> None:
    threads: list[str] = []
    runner = run_for(0.2, tick(lambda: threads.append(threading.current_thread().name)))
    assert len(threads) > 2
    assert set(threads) == {"tick-job"}
    assert runner.last_success == {"job": START}


def test_runs_of_one_tick_never_overlap() -> None:
    running, most = 0, 0

    def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.03)
        running -= 1

    run_for(0.2, tick(work, every=0.0))
    assert most == 1


def test_a_slow_tick_delays_no_other() -> None:
    quick: list[int] = []
    run_for(
        0.2, tick(lambda: time.sleep(0.3), name="slow"), tick(lambda: quick.append(1), name="quick")
    )
    assert len(quick) > 2


def test_a_failing_tick_lives_on() -> None:
    runs: list[int] = []

    def work() -> None:
        runs.append(1)
        raise [ValueError("once"), SystemExit(3)][len(runs) % 2]

    with structlog.testing.capture_logs() as lines:
        runner = run_for(0.15, tick(work))
    assert len(runs) > 2
    assert runner.last_success == {"job": None}
    assert {(line["event"], line["tick"]) for line in lines} == {("tick_failed", "job")}


def test_the_stop_waits_for_what_runs_and_starts_nothing_new() -> None:
    done: list[float] = []

    def work() -> None:
        time.sleep(0.2)
        done.append(time.monotonic())

    run_for(0.05, tick(work, every=0.0))
    assert len(done) == 1
    time.sleep(0.25)
    assert len(done) == 1


def test_a_tick_that_never_ends_is_abandoned() -> None:
    release = threading.Event()
    began_at = time.monotonic()
    with structlog.testing.capture_logs() as lines:
        run_for(0.05, tick(lambda: release.wait(20)), stop_seconds=0.1)
    assert time.monotonic() - began_at < 5
    assert [line["event"] for line in lines] == ["tick_abandoned"]
    release.set()


def test_the_time_to_stop_counts_from_its_beginning() -> None:
    release = threading.Event()

    async def live() -> float:
        runner = TickRunner([tick(lambda: release.wait(20))], TurnedClock(), stop_seconds=0.3)
        runner.start()
        await asyncio.sleep(0.05)
        runner.begin_stop()
        await asyncio.sleep(0.3)
        began_at = time.monotonic()
        await runner.stop()
        return time.monotonic() - began_at

    assert asyncio.run(live()) < 0.25
    release.set()


def test_the_first_run_waits_and_a_stop_interrupts_the_wait() -> None:
    runs: list[int] = []
    late = Tick(name="late", first_after_seconds=60, every_seconds=60, run=lambda: runs.append(1))
    run_for(0.05, late)
    assert runs == []


def test_names_of_ticks_are_unique() -> None:
    with pytest.raises(ValueError, match="share a name"):
        TickRunner([tick(int), tick(int)], TurnedClock())


async def until(is_so: Callable[[], object]) -> None:
    def wait() -> None:
        deadline = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    await asyncio.to_thread(wait)


def test_shared_ticks_need_leases() -> None:
    shared = Tick(
        name="job", first_after_seconds=0, every_seconds=1, run=lambda: None, is_shared=True
    )
    with pytest.raises(ValueError, match="need leases"):
        TickRunner([shared], TurnedClock())


def test_what_a_tick_did_is_counted() -> None:
    results = iter([Work(items=2, failed=1), 3, None, ZeroDivisionError()])
    release = threading.Event()

    def work() -> Work | int | None:
        result = next(results, release)
        if isinstance(result, Exception):
            raise result
        if isinstance(result, threading.Event):
            result.wait(20)
            return 0
        return result

    async def live() -> TickMeter:
        ticks = [Tick(name="job", first_after_seconds=0, every_seconds=0.01, run=work)]
        runner = TickRunner(ticks, TurnedClock())
        runner.start()
        meter = runner.meters["job"]
        await until(lambda: meter.failures > 0)
        runner.begin_stop()
        release.set()
        await runner.stop()
        return meter

    with structlog.testing.capture_logs():
        meter = asyncio.run(live())
    assert meter.runs in {3, 4}
    assert (meter.failures, meter.items, meter.items_failed, meter.skipped) == (1, 5, 1, 0)
    assert meter.last_success == START
    assert 0 < meter.seconds_last <= meter.seconds_max <= meter.seconds_total


class BrokenClock:
    """Fails until it was read often enough: a bug outside the job."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    def now(self) -> Instant:
        self.left -= 1
        if self.left >= 0:
            raise LookupError("no clock")
        return START


def test_a_crashed_runner_is_started_again() -> None:
    async def live() -> TickRunner:
        runner = TickRunner([tick(int)], BrokenClock(2), restart_seconds=0.01)
        runner.start()
        await until(lambda: runner.meters["job"].runs >= 3)
        await runner.stop()
        return runner

    with structlog.testing.capture_logs() as lines:
        runner = asyncio.run(live())
    assert [line["event"] for line in lines] == ["tick_runner_crashed"] * 2
    assert runner.last_success == {"job": START}


def test_a_crashing_runner_waits_longer_each_time_and_not_past_the_stop() -> None:
    async def live() -> float:
        runner = TickRunner([tick(int)], BrokenClock(9), restart_seconds=60)
        runner.start()
        await until(lambda: lines)
        began_at = time.monotonic()
        await runner.stop()
        return time.monotonic() - began_at

    with structlog.testing.capture_logs() as lines:
        assert asyncio.run(live()) < 5
    assert len(lines) == 1


def test_a_job_held_elsewhere_is_looked_at_again_as_soon_as_its_holder_may_be_dead() -> None:
    looks: list[int] = []

    def look() -> bool:
        looks.append(1)
        return True

    shared = Tick(
        name="job",
        first_after_seconds=0,
        every_seconds=3_600,
        run=lambda: 1,
        is_shared=True,
        has_work=look,
    )

    async def live(store: SQLiteStore) -> TickMeter:
        keeper = LeaseKeeper(store, TurnedClock(), RandomIds())
        runner = TickRunner([shared], TurnedClock(), leases=keeper, held_seconds=0.01)
        meter = runner.meters["job"]
        runner.start()
        await until(lambda: meter.skipped > 2)
        with store.writing() as tx:
            tx.leases.put_lease(Lease(name="job"))
        await until(lambda: meter.runs == 1)
        await runner.stop()
        return meter

    with SQLiteStore.open() as store:
        with store.writing() as tx:
            held_until = Instant(START + LEASE_SECONDS)
            tx.leases.put_lease(Lease(name="job", holder="other", held_until=held_until))
        meter = asyncio.run(live(store))
    assert (meter.runs, meter.items) == (1, 1)
    assert len(looks) == meter.skipped + 1
