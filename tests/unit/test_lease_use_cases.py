"""Taking a lease when others take it at the same moment."""

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.lease import Lease, LeaseState
from keysat_core.limits import LEASE_SECONDS
from keysat_core.testing.clock import FixedClock
from keysat_core.use_cases.server.lease_job import end_lease, renew_lease, take_lease
from tests.support.watched_store import WatchedStore


def test_who_comes_second_by_an_instant_is_refused() -> None:
    clock = FixedClock()
    with SQLiteStore.open() as store:
        watched = WatchedStore(store)

        def come_first() -> None:
            take_lease("job", "first", pace_seconds=9, store=store, clock=clock)

        watched.before_writing = come_first
        answer = take_lease("job", "second", pace_seconds=9, store=watched, clock=clock)
    assert answer.state is LeaseState.HELD
    assert answer.lease.holder == "first"
    assert watched.writes == []


def test_a_lease_lasts_from_when_it_could_be_written() -> None:
    clock = FixedClock()
    with SQLiteStore.open() as store:
        watched = WatchedStore(store)

        def wait_for_the_lock() -> None:
            clock.advance(4)

        watched.before_writing = wait_for_the_lock
        answer = take_lease("job", "a", pace_seconds=9, store=watched, clock=clock)
    assert answer.lease.held_until == clock.now() + LEASE_SECONDS


def test_a_lease_nobody_has_cannot_be_kept_or_freed() -> None:
    clock = FixedClock()
    with SQLiteStore.open() as store:
        assert not renew_lease("job", "a", store=store, clock=clock)
        assert not end_lease("job", "a", is_finished=True, store=store, clock=clock)
        with store.reading() as tx:
            assert tx.leases.list_leases() == []


def test_a_finished_job_leaves_its_lease_free() -> None:
    clock = FixedClock()
    with SQLiteStore.open() as store:
        take_lease("job", "a", pace_seconds=9, store=store, clock=clock)
        assert renew_lease("job", "a", store=store, clock=clock)
        assert end_lease("job", "a", is_finished=True, store=store, clock=clock)
        with store.reading() as tx:
            assert tx.leases.list_leases() == [Lease(name="job", finished_at=clock.now())]
