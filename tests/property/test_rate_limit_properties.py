"""Token buckets: what they let through, and what the clock cannot do to them (lifecycles 14.2)."""

from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.instant import Instant
from keysat_core.domain.rate_limit import (
    ALLOWANCES,
    CLOCK_STEP_SECONDS,
    HEARTBEAT,
    VALIDATE,
    Allowance,
    Bucket,
    seconds_until_next,
    take,
)
from tests.support.builders import NOW

allowances = st.sampled_from(ALLOWANCES) | st.builds(
    Allowance,
    kind=st.just("any"),
    capacity=st.integers(1, 5),
    refill_tokens=st.integers(1, 5),
    refill_seconds=st.integers(1, 10),
)
waits = st.lists(st.sampled_from([0, 0, 0, 1, 2, 7, 60]) | st.integers(0, 200), max_size=150)


@given(allowances)
def test_a_new_bucket_is_full_but_for_the_token_it_gives(allowance: Allowance) -> None:
    is_allowed, bucket = take(None, allowance, now=NOW)
    assert is_allowed
    assert bucket.units == (allowance.capacity - 1) * allowance.refill_seconds
    assert bucket.refilled_at == NOW


@given(allowances, waits)
def test_a_bucket_does_what_the_formula_of_the_specification_says(
    allowance: Allowance, pauses: list[int]
) -> None:
    refill = Fraction(allowance.refill_tokens, allowance.refill_seconds)
    tokens = Fraction(allowance.capacity)
    bucket: Bucket | None = None
    now = NOW
    for pause in pauses:
        now = Instant(now + pause)
        if bucket is not None:
            tokens = min(Fraction(allowance.capacity), tokens + pause * refill)
        expected = tokens >= 1
        tokens -= expected
        is_allowed, bucket = take(bucket, allowance, now=now)
        assert is_allowed is expected
        assert Fraction(bucket.units, allowance.refill_seconds) == tokens


@given(allowances, waits)
def test_no_more_is_let_through_than_the_capacity_and_the_refill(
    allowance: Allowance, pauses: list[int]
) -> None:
    bucket: Bucket | None = None
    now, allowed = NOW, 0
    for pause in pauses:
        now = Instant(now + pause)
        is_allowed, bucket = take(bucket, allowance, now=now)
        allowed += is_allowed
    refilled = Fraction((now - NOW) * allowance.refill_tokens, allowance.refill_seconds)
    assert allowed <= allowance.capacity + refilled


def drained(allowance: Allowance, now: Instant = NOW) -> Bucket:
    is_allowed, bucket = take(None, allowance, now=now)
    while is_allowed:
        is_allowed, bucket = take(bucket, allowance, now=now)
    return bucket


@given(allowances, st.integers(1, 50))
def test_a_denied_request_costs_nothing(allowance: Allowance, tries: int) -> None:
    bucket = drained(allowance)
    for _ in range(tries):
        is_allowed, after = take(bucket, allowance, now=NOW)
        assert not is_allowed
        assert after == bucket


@given(allowances)
def test_a_denied_request_still_stores_what_was_refilled(allowance: Allowance) -> None:
    bucket = drained(allowance)
    pause = seconds_until_next(bucket, allowance) - 1
    is_allowed, after = take(bucket, allowance, now=Instant(NOW + pause))
    if not is_allowed:
        assert after.units == bucket.units + pause * allowance.refill_tokens
        assert after.refilled_at == NOW + pause


@given(allowances, st.integers(1, CLOCK_STEP_SECONDS))
def test_a_clock_that_steps_back_neither_drains_nor_refills(
    allowance: Allowance, step: int
) -> None:
    bucket = drained(allowance)
    is_allowed, after = take(bucket, allowance, now=Instant(NOW - step))
    assert not is_allowed
    assert after == bucket
    _, fresh = take(None, allowance, now=NOW)
    again, used = take(fresh, allowance, now=Instant(NOW - step))
    assert again is (allowance.capacity > 1)
    assert used.refilled_at == NOW


@given(allowances, st.integers(CLOCK_STEP_SECONDS + 1, 10**9))
def test_a_bucket_filled_by_a_clock_that_was_far_ahead_waits_no_longer_than_any_other(
    allowance: Allowance, ahead: int
) -> None:
    bucket = msgspec.structs.replace(drained(allowance), refilled_at=Instant(NOW + ahead))
    is_allowed, after = take(bucket, allowance, now=NOW)
    assert not is_allowed
    wait = seconds_until_next(after, allowance)
    assert take(after, allowance, now=Instant(NOW + wait))[0]


@given(allowances)
def test_the_wait_that_is_announced_is_the_shortest_that_works(allowance: Allowance) -> None:
    bucket = drained(allowance)
    wait = seconds_until_next(bucket, allowance)
    assert wait >= 1
    assert take(bucket, allowance, now=Instant(NOW + wait))[0]
    if wait > 1:
        assert not take(bucket, allowance, now=Instant(NOW + wait - 1))[0]


def test_the_buckets_of_the_specification() -> None:
    assert (VALIDATE.capacity, VALIDATE.refill_tokens, VALIDATE.refill_seconds) == (60, 1, 1)
    assert (HEARTBEAT.capacity, HEARTBEAT.refill_tokens, HEARTBEAT.refill_seconds) == (60, 1, 60)
    assert len({allowance.kind for allowance in ALLOWANCES}) == len(ALLOWANCES)
