"""What the record of a webhook's deliveries says of it. Source: payments 14.1 and 15."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_trouble import (
    REMEDIES,
    RemoteDelivery,
    WebhookProblem,
    judge_deliveries,
    to_send_again,
)

SINCE = Instant(1_000)
MINUTE = 60


def attempt(sent_at: int, status: int | None = None) -> RemoteDelivery:
    is_delivered = status is not None and 200 <= status < 300
    return RemoteDelivery(
        id=str(sent_at), sent_at=Instant(sent_at), is_delivered=is_delivered, http_status=status
    )


statuses = st.none() | st.integers(100, 599)
histories = st.lists(st.builds(attempt, st.integers(0, 5_000), statuses), max_size=12).map(
    lambda attempts: sorted(attempts, key=lambda one: -one.sent_at)
)


def problem(
    attempts: Sequence[RemoteDelivery], *, awake_since: int = 0, is_failing: bool = False
) -> WebhookProblem | None:
    judged = judge_deliveries(
        attempts, since=SINCE, awake_since=Instant(awake_since), is_failing=is_failing
    )
    return None if judged is None else judged[0]


@given(histories)
def test_a_delivery_that_arrived_ends_what_was_before_it(attempts: list[RemoteDelivery]) -> None:
    assert problem([attempt(6_000, 200), *attempts]) is None


@given(histories)
def test_a_bad_signature_is_told_at_once(attempts: list[RemoteDelivery]) -> None:
    assert problem([attempt(6_000, 401), *attempts], awake_since=9_000) is WebhookProblem.REFUSED


@given(histories, st.none() | st.sampled_from([400, 403, 404, 408, 413, 429, 500, 503]))
def test_what_is_known_lasts_until_a_delivery_arrives(
    attempts: list[RemoteDelivery], status: int | None
) -> None:
    known = problem([attempt(6_000, status), *attempts], awake_since=9_000, is_failing=True)
    assert known is WebhookProblem.UNDELIVERED
    assert problem([attempt(6_000, 204), *attempts], is_failing=True) is None


@given(histories, st.none() | st.sampled_from([403, 500]))
def test_what_failed_while_the_server_was_down_tells_nothing_new(
    attempts: list[RemoteDelivery], status: int | None
) -> None:
    assert problem([attempt(6_000, status), *attempts], awake_since=6_001) is None


@given(histories, st.integers(0, 20_000))
def test_only_what_failed_long_ago_is_sent_again(attempts: list[RemoteDelivery], now: int) -> None:
    lost = to_send_again(attempts, Instant(now))
    is_lost = bool(attempts) and not attempts[0].is_delivered
    assert (lost is not None) is (is_lost and now - attempts[0].sent_at >= 90 * MINUTE)
    assert lost in {None, *attempts[:1]}


@given(histories)
def test_what_was_before_a_webhook_became_what_it_is_tells_nothing(
    attempts: list[RemoteDelivery],
) -> None:
    recent = [one for one in attempts if one.sent_at >= SINCE]
    older = [attempt(SINCE - 1 - n * 700, 503) for n in range(3) if n * 700 < SINCE]
    assert problem([*recent, *older]) is problem(recent)


@given(
    st.lists(st.integers(0, 20 * MINUTE), min_size=1, max_size=6),
    st.none() | st.sampled_from([403, 429, 503]),
)
def test_without_an_answer_it_takes_three_over_ten_minutes(
    gaps: list[int], status: int | None
) -> None:
    at = int(SINCE)
    attempts: list[RemoteDelivery] = []
    for gap in gaps:
        attempts.insert(0, attempt(at, status))
        at += gap
    span = attempts[0].sent_at - attempts[-1].sent_at
    is_told = len(attempts) >= 3 and span >= 10 * MINUTE
    assert problem(attempts) is (WebhookProblem.UNDELIVERED if is_told else None)


def test_every_problem_has_a_remedy() -> None:
    assert REMEDIES.keys() == set(WebhookProblem)
