"""The audit log over HTTP, by everything an operator asks with. Source: admin-api 2.11, 6."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.instant import Instant
from tests.support.builders import make_audit
from tests.support.http import ADMIN, START
from tests.support.shop import Shop, running_shop

KEYS = {
    "id",
    "actor_kind",
    "actor_hash",
    "action",
    "target_kind",
    "target_id",
    "request_ip",
    "user_agent",
    "request_id",
    "details",
    "occurred_at",
}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        yield shop


def asked(shop: Shop, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.admin("GET", "/audit", params=query)["entries"]
    return found


def test_a_change_is_found_with_the_request_that_made_it(shop: Shop) -> None:
    answer = shop.client.post(
        "/v1/admin/products",
        headers=ADMIN,
        json={"slug": "app", "name": "App", "price_sats": 5},
    )
    (entry,) = asked(shop, request_id=answer.headers["x-request-id"])
    assert set(entry) == KEYS
    assert (entry["action"], entry["target_id"]) == ("product.create", answer.json()["id"])
    assert entry["occurred_at"] == "2027-01-15T08:00:00Z"
    assert entry in asked(shop, actor_hash=entry["actor_hash"])


def test_every_filter_narrows_by_itself_and_with_the_others(shop: Shop) -> None:
    mine = {
        "actor_kind": "a-kind",
        "actor_hash": "a-hash",
        "action": "an.action",
        "target_kind": "a-target",
        "target_id": "an-id",
        "request_id": "a-request",
    }
    day = 86_400
    rows = [make_audit(**mine, details={"actor_id": "key-1"}, occurred_at=Instant(START - 3 * day))]
    # Each of the others differs in one thing.
    rows += [
        make_audit(
            **(mine | {name: "other"}),
            details={"actor_id": "key-1"},
            occurred_at=Instant(START - 3 * day),
        )
        for name in mine
    ]
    rows.append(make_audit(**mine, details={"actor_id": "key-2"}, occurred_at=Instant(START - day)))
    with shop.ports.store.writing() as tx:
        tx.trail.append_audits(rows)
    asks = mine | {"actor_id": "key-1"}
    (first,) = asked(shop, **asks, since="2027-01-12T08:00:00Z", until="2027-01-12T08:00:01Z")
    for name, value in asks.items():
        found = asked(shop, **{name: value})
        assert first in found
        assert len(found) == 7
        page = shop.admin("GET", "/audit", params={name: value, "limit": 2})
        assert (page["total"], page["is_total_exact"], len(page["entries"])) == (7, True, 2)
        assert asked(shop, **(asks | {name: "nothing"})) == []
    assert asked(shop, **asks, since="2027-01-12T08:00:01Z") == []
    assert asked(shop, **asks, until="2027-01-12T08:00:00Z") == []
    assert asked(shop, **asks, since="2030-01-01T00:00:00Z") == []
    assert len(asked(shop, target_id="an-id", since="2027-01-14T07:00:00Z")) == 1


def test_a_long_log_is_paged_by_id_and_never_by_an_offset_that_comes_twice(shop: Shop) -> None:
    with shop.ports.store.writing() as tx:
        tx.trail.append_audits([make_audit(action="many.rows") for _ in range(7)])
    ids: list[int] = []
    before: dict[str, int] = {}
    while page := asked(shop, action="many.rows", limit=3, **before):
        ids += [entry["id"] for entry in page]
        before = {"before_id": ids[-1]}
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 7
    refused = shop.admin("GET", "/audit?offset=100001", ok=False)
    assert (refused.status_code, "100000" in refused.json()["message"]) == (400, True)
    bad = shop.admin("GET", "/audit?since=yesterday", ok=False)
    assert (bad.status_code, bad.json()["error"]) == (400, "bad_request")
    assert len(asked(shop, limit=99_999)) == len(asked(shop))


def test_only_who_may_read_the_audit_log_does() -> None:
    with running_shop(scopes=frozenset({Scope.LICENSES_READ})) as shop:
        for path in ("/v1/admin/audit", "/v1/admin/export/audit"):
            answer = shop.client.get(path, headers={"authorization": "Bearer scoped"})
            assert answer.status_code == 403


def test_updates_say_what_was_before_and_what_is_after(shop: Shop) -> None:
    product = shop.add_product(name="Old")
    policy = shop.add_policy("pro", max_machines=1)
    shop.admin(
        "PATCH",
        f"/products/{product['id']}",
        json={"name": "New", "description": "", "metadata": {"a": 1}},
    )
    (entry,) = asked(shop, action="product.update")
    assert entry["details"]["name"] == "New"
    assert entry["details"]["before"] == {"name": "Old"}
    assert entry["details"]["after"] == {"name": "New"}
    shop.admin("PATCH", f"/policies/{policy['id']}", json={"max_machines": 5})
    (entry,) = asked(shop, action="policy.update")
    assert (entry["details"]["before"], entry["details"]["after"]) == (
        {"max_machines": 1},
        {"max_machines": 5},
    )
    code = shop.admin(
        "POST", "/discount-codes", json={"code": "X", "kind": "percent", "amount": 100}
    )
    changes = {"amount": 200, "expires_at": "2031-01-01T00:00:00Z"}
    shop.admin("PATCH", f"/discount-codes/{code['id']}", json=changes)
    (entry,) = asked(shop, action="discount_code.update")
    assert entry["details"]["before"] == {"amount": 100, "expires_at": None}
    assert entry["details"]["after"] == changes
    shop.admin("PUT", "/tips/cap", json={"tips_daily_cap_sats": 7})
    (entry,) = asked(shop, action="tips.cap")
    assert (entry["details"]["before"], entry["details"]["after"]) != (7, None)
    assert entry["details"]["after"] == 7
