"""Rate limits in memory, and what a restart leaves of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.instant import Instant
from keysat_core.domain.rate_limit import PURCHASE, VALIDATE, Allowance
from keysat_core.errors import RateLimited
from keysat_http.client_address import Caller
from keysat_http.limits import BUCKET_IDLE_SECONDS, GLOBAL_PER_MINUTE
from keysat_http.rate_limits import RateLimiter, address_key, secret_key
from tests.support.http import START
from tests.support.watched_store import WatchedStore

SMALL = Allowance(kind="small_test", capacity=3, refill_tokens=1, refill_seconds=10)


@pytest.fixture
def store() -> Iterator[SQLiteStore]:
    with SQLiteStore.open() as opened:
        yield opened


def caller(address: str | None) -> Caller:
    return Caller(address=address, limiting_address=address, user_agent=None, request_id=None)


def at(seconds: int) -> Instant:
    return Instant(START + seconds)


def test_a_full_bucket_lets_its_capacity_through(store: SQLiteStore) -> None:
    limiter = RateLimiter(store)
    assert [limiter.admit(SMALL, "a", START) for _ in range(5)] == [None, None, None, 10, 10]
    assert limiter.admit(SMALL, "b", START) is None
    assert limiter.admit(SMALL, "a", at(9)) == 1
    assert limiter.admit(SMALL, "a", at(10)) is None


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_never_more_than_capacity_and_refill(pauses: list[int]) -> None:
    with SQLiteStore.open() as opened:
        limiter = RateLimiter(opened)
        now, admitted = 0, 0
        for pause in pauses:
            now += pause
            admitted += limiter.admit(SMALL, "a", at(now)) is None
        assert admitted <= SMALL.capacity + now // SMALL.refill_seconds + 1


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=30))
def test_restarts_change_nothing(steps: list[tuple[int, bool]]) -> None:
    with SQLiteStore.open() as kept, SQLiteStore.open() as restarted:
        steady, shaky = RateLimiter(kept), RateLimiter(restarted)
        now = 0
        for pause, restarts in steps:
            now += pause
            assert steady.admit(SMALL, "a", at(now)) == shaky.admit(SMALL, "a", at(now))
            if restarts:
                shaky.flush_all(at(now))
                shaky = RateLimiter(restarted)


def test_a_restart_over_a_file_resets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    with SQLiteStore.open(path) as opened:
        limiter = RateLimiter(opened)
        for _ in range(3):
            limiter.admit(SMALL, "a", START)
        assert limiter.flush_all(START) == 1
        assert limiter.flush(START) == 0
    with SQLiteStore.open(path) as opened:
        assert RateLimiter(opened).admit(SMALL, "a", START) == 10


def test_what_was_forgotten_in_memory_comes_back(store: SQLiteStore) -> None:
    limiter = RateLimiter(store, buckets_max=2)
    for _ in range(3):
        limiter.admit(SMALL, "a", START)
    for key in ("b", "c", "d"):
        limiter.admit(SMALL, key, START)
    assert limiter.admit(SMALL, "a", START) == 10
    limiter.flush_all(START)
    for key in ("b", "c", "d"):
        limiter.admit(SMALL, key, START)
    assert limiter.admit(SMALL, "a", START) == 10


def test_memory_is_bounded_while_the_store_fails() -> None:
    with SQLiteStore.open() as opened:
        limiter = RateLimiter(opened, buckets_max=10)
    for number in range(500):
        assert limiter.admit(SMALL, str(number), START) is None
    assert len(limiter._buckets) == 10
    assert len(limiter._dirty) == 20


def test_idle_buckets_are_purged(store: SQLiteStore) -> None:
    limiter = RateLimiter(store)
    limiter.admit(SMALL, "a", START)
    limiter.flush(START)
    later = at(BUCKET_IDLE_SECONDS + 1)
    limiter.admit(SMALL, "b", later)
    limiter.flush(later)
    with store.reading() as tx:
        assert tx.buckets.find_bucket(SMALL.kind, "a") is None
        assert tx.buckets.find_bucket(SMALL.kind, "b") is not None


def test_a_flush_of_nothing_commits_nothing(store: SQLiteStore) -> None:
    watched = WatchedStore(store)
    limiter = RateLimiter(watched)
    limiter.admit(SMALL, "a", START)
    assert limiter.flush(START) == 1
    steps = len(watched.steps)
    assert limiter.flush(at(10)) == 0
    assert len(watched.steps) == steps


def test_nobody_is_limited_where_limits_are_off(store: SQLiteStore) -> None:
    limiter = RateLimiter(store, is_limiting=False)
    assert {limiter.admit(SMALL, "a", START) for _ in range(2 * SMALL.capacity)} == {None}
    assert limiter.flush(START) == 0


def test_many_threads_share_one_bucket(store: SQLiteStore) -> None:
    limiter = RateLimiter(store)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: limiter.admit(VALIDATE, "a", START), range(400)))
    assert answers.count(None) == VALIDATE.capacity


def test_addresses_are_kept_plainly_and_keys_as_hashes() -> None:
    assert address_key(PURCHASE, caller("198.51.100.7")) == (PURCHASE, "198.51.100.7")
    assert len(secret_key("LIC1-\ud800")) == 64
    assert "LIC1" not in secret_key("LIC1-X")


def test_hidden_callers_share_a_larger_bucket(store: SQLiteStore) -> None:
    limiter = RateLimiter(store)
    for _ in range(GLOBAL_PER_MINUTE):
        limiter.charge(PURCHASE, caller(None), START)
    with pytest.raises(RateLimited) as denied:
        limiter.charge(PURCHASE, caller(None), START)
    assert denied.value.retry_after_seconds == 1
    limiter.charge(PURCHASE, caller(None), at(1))


def test_one_address_is_charged_by_its_own_allowance(store: SQLiteStore) -> None:
    limiter = RateLimiter(store)
    for _ in range(PURCHASE.capacity):
        limiter.charge(PURCHASE, caller("198.51.100.7"), START)
    with pytest.raises(RateLimited):
        limiter.charge(PURCHASE, caller("198.51.100.7"), START)
    limiter.charge(PURCHASE, caller("198.51.100.8"), START)
