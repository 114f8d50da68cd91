"""Subscriptions from the command line."""

from pathlib import Path

import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_http.views.subscription import Subscription, SubscriptionDetail
from tests.support.program import Program, shop_with_a_tier
from tests.support.subscriptions import stored_subscription


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = Program(folder=tmp_path)
    with SQLiteStore.open(program.db_path) as store:
        stored_subscription(store)
    return program


def only_id(program: Program) -> str:
    (found,) = program.json("subscription", "list")["subscriptions"]
    return str(found["id"])


def test_they_are_listed_for_people_and_for_programs(program: Program) -> None:
    listed = program.json("subscription", "list")
    (found,) = listed["subscriptions"]
    assert tuple(found) == Subscription.__struct_fields__
    assert listed["total"] == 1
    assert "active" in program.text("subscription", "list")
    for option, value in (
        ("--status", "active"),
        ("--product", found["product_id"]),
        ("--license", found["license_id"]),
    ):
        assert program.json("subscription", "list", option, value) == listed
    assert program.json("subscription", "list", "--status", "lapsed")["total"] == 0
    assert program.json("subscription", "list", "--license", "")["total"] == 0
    assert program.refusal("subscription", "list", "--status", "trial")[0] == 2


def test_one_is_shown_with_its_cycles(program: Program) -> None:
    shown = program.json("subscription", "show", only_id(program))
    assert set(shown) == set(SubscriptionDetail.__struct_fields__)
    assert shown["cycles"][0]["cycle_number"] == 1
    said = program.text("subscription", "show", shown["id"])
    assert "lapses at" in said
    assert program.refusal("subscription", "show", "no")[0] == 3


def test_one_is_cancelled_once_after_asking(program: Program) -> None:
    id_ = only_id(program)
    assert program.refusal("subscription", "cancel", id_)[0] == 2
    done = program.json("subscription", "cancel", id_, "--reason", "moved on", "--yes")
    assert done == {"ok": True, "subscription_id": id_, "status": "cancelled"}
    assert program.json("subscription", "show", id_)["cancellation_reason"] == "moved on"
    again = program.json("subscription", "cancel", id_)
    assert again == {"ok": True, "subscription_id": id_, "already": "cancelled"}
    assert program.refusal("subscription", "cancel", "no", "--yes")[0] == 3


def test_a_shop_without_any_says_so(tmp_path: Path) -> None:
    assert "No subscriptions." in shop_with_a_tier(tmp_path).text("subscription", "list")
