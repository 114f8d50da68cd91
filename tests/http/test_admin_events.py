"""Events over the admin API, for programs that ask instead of being told."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.shop import Shop, running_shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running


def events(shop: Shop, **query: Any) -> Any:
    return shop.admin("GET", "/events", params=query)


def test_without_a_place_to_begin_there_is_only_the_place_to_follow_from(shop: Shop) -> None:
    shop.add_product("before")
    begun = events(shop)
    assert begun["events"] == []
    product = shop.add_product("after")
    (event,) = events(shop, after=begun["after"])["events"]
    assert event["event_type"] == event["body"]["event_type"] == "product.created"
    assert event["body"]["data"]["product"]["id"] == product["id"]


def test_events_are_followed_without_a_gap_or_a_double(shop: Shop) -> None:
    for number in range(3):
        shop.add_product(f"app-{number}")
    seen = events(shop, after=0)
    assert [one["event_type"] for one in seen["events"]] == ["product.created"] * 3
    assert seen["after"] == seen["events"][-1]["sequence"]
    assert events(shop, after=seen["after"])["events"] == []
    sequences = [one["sequence"] for one in seen["events"]]
    assert [one["sequence"] for one in events(shop, after=sequences[0])["events"]] == sequences[1:]


def test_events_begin_with_an_instant_and_are_chosen_by_type(shop: Shop) -> None:
    shop.add_product("old")
    shop.clock.turn(3_600)
    shop.add_product("new")
    shop.issue("new")
    since = "2027-01-15T08:30:00Z"
    told = events(shop, since=since, event_types="product.created, license.revoked")
    assert [one["event_type"] for one in told["events"]] == ["product.created"]
    assert told["events"][0]["occurred_at"] >= since
    # What was not asked for is behind the place to follow from all the same.
    assert events(shop, after=told["after"])["events"] == []


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"event_types": "nothing.known"}, {"after": "x"}]
)
def test_a_question_that_makes_no_sense_is_refused(shop: Shop, query: dict[str, str]) -> None:
    assert shop.admin("GET", "/events", ok=False, params=query).status_code == 400
