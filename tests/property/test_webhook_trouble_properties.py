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
)

SINCE = Instant(1_000)
MINUTE = 60


def attempt(sent_at: int, status: int | None = None) -> RemoteDelivery:
    is_delivered = status is not None and 200 <= status < 300
    return RemoteDelivery(sent_at=Instant(sent_at), is_delivered=is_delivered, http_status=status)


statuses = st.none() | st.integers(100, 599)
histories = st.lists(st.builds(attempt, st.integers(0, 5_000), statuses), max_size=12).map(
    lambda attempts: sorted(attempts, key=lambda one: -one.sent_at)
)


def problem(attempts: Sequence[RemoteDelivery]) -> WebhookProblem | None:
    judged = judge_deliveries(attempts, since=SINCE)
    return None if judged is None else judged[0]


@given(histories)
def test_a_delivery_that_arrived_ends_what_was_before_it(attempts: list[RemoteDelivery]) -> None:
    assert problem([attempt(6_000, 200), *attempts]) is None


@given(histories, st.integers(400, 499))
def test_a_refusal_is_told_at_once(attempts: list[RemoteDelivery], status: int) -> None:
    assert problem([attempt(6_000, status), *attempts]) is WebhookProblem.REFUSED


@given(histories)
def test_what_was_before_a_webhook_became_what_it_is_tells_nothing(
    attempts: list[RemoteDelivery],
) -> None:
    recent = [one for one in attempts if one.sent_at >= SINCE]
    older = [attempt(SINCE - 1 - n * 700, 503) for n in range(3) if n * 700 < SINCE]
    assert problem([*recent, *older]) is problem(recent)


@given(st.lists(st.integers(0, 20 * MINUTE), min_size=1, max_size=6), st.none() | st.just(503))
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
