"""How a provider's health moves: pauses, problems, and what a refusal says of a provider."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.provider_health import (
    FAILURES_IN_A_ROW,
    LEAVE_ALONE_SECONDS,
    NOTE_SECONDS,
    UNREACHABLE_SECONDS,
    ProviderHealth,
    ProviderProblem,
    after_answer,
    after_failure,
    is_worth_noting,
)
from keysat_core.errors import ProviderRefused, ProviderUnavailable, UpstreamError

FRESH = ProviderHealth(account_id=ProviderAccountId("p"))
DOWN = ProviderUnavailable("read invoice", "timeout")
T0 = Instant(1_800_000_000)


def at(seconds: int) -> Instant:
    return Instant(T0 + seconds)


def failed(times: int, *, every: int = 0) -> ProviderHealth:
    health = FRESH
    for n in range(times):
        health = after_failure(health, DOWN, at(n * every))
    return health


@given(st.integers(0, 20))
def test_pauses_begin_with_the_third_failure_and_grow_to_eight_minutes(times: int) -> None:
    health = failed(times)
    if times < FAILURES_IN_A_ROW:
        assert not health.is_left_alone(T0)
        return
    pause = LEAVE_ALONE_SECONDS[min(times - FAILURES_IN_A_ROW, 3)]
    assert health.left_until == T0 + pause
    assert health.is_left_alone(at(pause - 1))
    assert not health.is_left_alone(at(pause))
    # A clock set back a year must not keep a provider unasked for a year.
    assert not health.is_left_alone(at(-400 * 86_400))


@given(times=st.integers(1, 10), is_creation=st.booleans())
def test_any_answer_ends_every_pause_and_problem(times: int, *, is_creation: bool) -> None:
    health = after_failure(failed(times), ProviderRefused("x", "auth", http_status=401), T0)
    assert health.problem(T0) is ProviderProblem.CREDENTIAL_DEAD
    well = after_answer(health, at(5), is_creation=is_creation)
    assert well.problem(at(5)) is None
    assert (well.failures, well.failing_since, well.left_until) == (0, None, None)
    assert well.state(at(5)) == "ok"


def test_unreachable_takes_three_failures_and_ten_minutes() -> None:
    assert FRESH.state(T0) == "unknown"
    assert failed(2, every=600).state(at(9_999)) == "failing"
    assert failed(3).problem(at(UNREACHABLE_SECONDS - 1)) is None
    assert failed(3).problem(at(UNREACHABLE_SECONDS)) is ProviderProblem.UNREACHABLE


@given(problem=st.sampled_from(["not_found", "rejected", "unsupported"]), is_creation=st.booleans())
def test_a_refusal_of_one_request_says_nothing_of_the_provider(
    problem: str, *, is_creation: bool
) -> None:
    failure = ProviderRefused("x", problem, http_status=404)
    assert after_failure(FRESH, failure, T0, is_creation=is_creation) == FRESH


def test_only_a_creation_that_is_not_allowed_means_that_nothing_can_be_sold() -> None:
    barred = ProviderRefused("create invoice", "auth", http_status=403)
    assert after_failure(FRESH, barred, T0).problem(T0) is None
    cannot = after_failure(FRESH, barred, T0, is_creation=True)
    assert cannot.problem(T0) is ProviderProblem.CANNOT_SELL
    assert after_answer(cannot, T0).problem(T0) is ProviderProblem.CANNOT_SELL
    assert after_answer(cannot, T0, is_creation=True).problem(T0) is None


def test_one_that_is_busy_is_left_alone_and_not_called_unreachable() -> None:
    health = FRESH
    for n in range(9):
        busy = ProviderUnavailable("read invoice", "HTTP 429", is_busy=True)
        health = after_failure(health, busy, at(n * 600))
    assert health.is_left_alone(at(8 * 600 + 1))
    assert health.problem(at(99_999)) is None
    assert after_failure(health, DOWN, at(6_000)).failing_since == at(6_000)


failures = st.sampled_from(
    [
        DOWN,
        ProviderUnavailable("x", "HTTP 429", is_busy=True),
        ProviderRefused("x", "auth", http_status=401),
        ProviderRefused("x", "auth", http_status=403),
        ProviderRefused("x", "not_found", http_status=404),
    ]
)


@given(st.lists(st.tuples(st.none() | failures, st.booleans(), st.integers(0, 1_000)), max_size=12))
def test_whatever_happens_pauses_are_bounded_and_details_short(
    steps: list[tuple[UpstreamError | None, bool, int]],
) -> None:
    health, now = FRESH, 0
    for failure, is_creation, pause in steps:
        now += pause
        if failure is None:
            health = after_answer(health, at(now), is_creation=is_creation)
        else:
            health = after_failure(health, failure, at(now), is_creation=is_creation)
        if health.left_until is not None:
            assert 0 < health.left_until - at(now) <= LEAVE_ALONE_SECONDS[-1] or failure is not None
        assert len(health.detail or "") <= 300
        assert health.failures > 0 or health.failing_since is None


@given(st.integers(0, 1_000))
def test_an_answer_as_ever_is_written_down_every_few_minutes_only(pause: int) -> None:
    before = after_answer(FRESH, T0)
    after = after_answer(before, at(pause))
    assert is_worth_noting(before, after) is (pause >= NOTE_SECONDS)
    assert is_worth_noting(None, after)
    assert is_worth_noting(before, after_failure(before, DOWN, T0))
    told = msgspec.structs.replace(after, alerted=ProviderProblem.UNREACHABLE)
    assert is_worth_noting(before, told)
