"""Licenses issued from a table, over HTTP and on the command line."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_adapters.system.ids import RandomIds
from keysat_core.limits import ISSUE_MANY_MAX
from keysat_core.use_cases.licenses.issue_from_table import IssueFromTable, issue_from_table
from tests.support.shop import Shop, running_shop
from tests.support.trade import OPERATOR

HEADER = (
    "product_slug,policy_slug,buyer_email,entitlements,max_machines,expires_at,is_trial,quantity"
)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        shop.add_product()
        shop.add_policy("pro", max_machines=3, entitlements=["sync"], duration_seconds=86_400)
        yield shop


def bulk(shop: Shop, *rows: str, header: str = HEADER, **options: Any) -> Any:
    body = {"csv": "\r\n".join([header, *rows])} | options
    return shop.admin("POST", "/licenses/bulk", json=body)


def licenses(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.admin("GET", "/licenses")["licenses"]
    return found


def test_each_row_is_issued_on_its_own_terms_with_keys_that_verify(shop: Shop) -> None:
    report = bulk(
        shop,
        'app,pro,"a@example.org",,,,,',
        "app,,b@example.org,one;two three,5,2031-01-01T00:00:00Z,true,2",
        "",
        "app,pro,c@example.org,-,,,,",
    )
    assert {k: v for k, v in report.items() if k != "rows"} == {
        "ok": True,
        "dry_run": False,
        "on_error": "abort",
        "issued": 4,
        "failed": 0,
    }
    assert [(row["row"], len(row["licenses"])) for row in report["rows"]] == [
        (2, 1),
        (3, 2),
        (5, 1),
    ]
    by_email: dict[str, list[dict[str, Any]]] = {}
    for one in licenses(shop):
        by_email.setdefault(one["buyer_email"], []).append(one)
    (first,) = by_email["a@example.org"]
    assert (first["max_machines"], first["entitlements"]) == (3, ["sync"])
    assert first["expires_at"] is not None
    second, third = by_email["b@example.org"]
    assert second["entitlements"] == third["entitlements"] == ["one", "two", "three"]
    assert (second["max_machines"], second["is_trial"]) == (5, True)
    assert second["expires_at"] == "2031-01-01T00:00:00Z"
    (last,) = by_email["c@example.org"]
    assert last["entitlements"] == []
    for row in report["rows"]:
        for issued in row["licenses"]:
            asked = {"key": issued["license_key"], "product_slug": "app"}
            verdict = shop.client.post("/v1/validate", json=asked).json()
            assert (verdict["ok"], verdict["license_id"]) == (True, issued["license_id"])
    assert shop.audited("license.issue_manual") == 4
    assert sum(event.event_type == "license.issued" for event in shop.events()) == 4


BAD = (
    "app,pro,,,,,,",
    "app,gone,,,,,,",
    "none,,,,,,,",
    "app,,,,-1,,,",
    "app,,,,,soon,,",
    "app,,,,,,maybe,",
    "app,,,,,,,0",
    f"app,,,{'x' * 300},,,,",
    "app",
)


def test_a_bad_row_stops_all_and_every_row_says_what_is_wrong(shop: Shop) -> None:
    report = bulk(shop, *BAD)
    assert (report["ok"], report["issued"], report["failed"]) == (False, 0, 8)
    assert [row["error"] and row["error"]["field"] for row in report["rows"]] == [
        None,
        "policy_slug",
        "product_slug",
        "max_machines",
        "expires_at",
        "is_trial",
        "quantity",
        "entitlements",
        "row",
    ]
    assert licenses(shop) == []
    assert shop.audited("license.issue_manual") == 0


def test_bad_rows_are_left_out_when_told_so(shop: Shop) -> None:
    report = bulk(shop, *BAD, on_error="skip")
    assert (report["ok"], report["issued"], report["failed"]) == (False, 1, 8)
    (only,) = licenses(shop)
    assert [one["license_id"] for one in report["rows"][0]["licenses"]] == [only["id"]]


def test_a_dry_run_reports_the_same_and_issues_nothing(shop: Shop) -> None:
    report = bulk(shop, *BAD, dry_run=True, on_error="skip")
    assert (report["dry_run"], report["issued"], report["failed"]) == (True, 0, 8)
    assert all(row["licenses"] == [] for row in report["rows"])
    assert licenses(shop) == []


@pytest.mark.parametrize(
    ("csv", "said"),
    [
        ("", "no header"),
        ("product_slug\n", "no rows"),
        ("slug\napp", "product_slug"),
        ("product_slug,colour\napp,red", "colour"),
        ("product_slug,note,note\napp,,", "twice"),
        ('product_slug\n"app', "line"),
        ("product_slug,quantity\napp,100000\napp,1", "100000"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_as_a_whole(shop: Shop, csv: str, said: str) -> None:
    answer = shop.admin("POST", "/licenses/bulk", ok=False, json={"csv": csv})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert said in answer.json()["message"]


@pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"on_error": "skip"}])
def test_a_table_that_asks_for_more_than_memory_should_hold_names_the_row(
    shop: Shop, options: dict[str, Any]
) -> None:
    large = ";".join(f"{number:03}" * 85 for number in range(255))
    shop.add_policy("huge", max_machines=3, entitlements=large.split(";"))
    for row in (f"app,,,{large},,,,1050", "app,huge,,,,,,1050"):
        body = {"csv": f"{HEADER}\napp,pro,,,,,,\n{row}"} | options
        answer = shop.admin("POST", "/licenses/bulk", ok=False, json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
        assert "by row 3;" in answer.json()["message"]
    assert licenses(shop) == []


class CountedIds(RandomIds):
    """Ids of licenses and events, and how many were wanted."""

    count = 0

    def new(self) -> str:
        self.count += 1
        return super().new()


def test_a_dry_run_of_as_many_as_there_may_be_makes_none_of_them(shop: Shop) -> None:
    row = f"app,pro,{'a' * 60}@example.org,,,,,{ISSUE_MANY_MAX}"
    ids = CountedIds()
    report = issue_from_table(
        OPERATOR,
        IssueFromTable(csv=f"{HEADER}\n{row}", is_dry_run=True),
        store=shop.ports.store,
        clock=shop.clock,
        ids=ids,
        keys=shop.keys,
    )
    assert (report.failed_count, report.issued_count) == (0, 0)
    assert ids.count <= 1


def test_a_table_larger_than_other_bodies_is_taken(shop: Shop) -> None:
    rows = [f"app,pro,buyer-{number:06d}@example.org{' ' * 380},,,,," for number in range(6_000)]
    report = bulk(shop, *rows)
    assert (report["ok"], report["issued"]) == (True, 6_000)
    assert shop.admin("GET", "/licenses?limit=1")["total"] == 6_000
