"""Codes as operators manage them. Source: admin-api 2.9; B-19, B-21, B-24."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.self_license import CODES_CAP, SelfLicense
from tests.support.shop import Shop, running_shop

SAVE = {"code": "save-10", "kind": "percent", "amount": 1_000}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        shop.add_product()
        shop.add_policy("basic")
        shop.add_policy("pro")
        yield shop


def add(shop: Shop, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = shop.admin("POST", "/discount-codes", json=SAVE | fields)
    return made


def refused(shop: Shop, **fields: Any) -> tuple[int, str]:
    answer = shop.admin("POST", "/discount-codes", ok=False, json=SAVE | fields)
    return answer.status_code, answer.json()["message"]


@pytest.mark.betters("B-19")
def test_a_code_is_created_and_shown_with_everything_it_has(shop: Shop) -> None:
    made = add(
        shop,
        discount_currency="usd",
        max_uses=5,
        expires_at="2031-02-03T04:05:06+01:00",
        product_slug="app",
        policy_slugs=["basic", "pro"],
        referrer_label=" podcast ",
        description="Ten off",
        featured=True,
        duration="forever",
    )
    policies = {
        p["slug"]: p["id"] for p in shop.admin("GET", "/policies?product_slug=app")["policies"]
    }
    assert made["code"] == "SAVE-10"
    assert (made["discount_currency"], made["duration"]) == ("USD", "forever")
    assert made["expires_at"] == "2031-02-03T03:05:06Z"
    assert made["applies_to_policy_ids"] == [policies["basic"], policies["pro"]]
    assert made["applies_to_policy_id"] is None
    assert (made["referrer_label"], made["used_count"], made["active"]) == ("podcast", 0, True)
    detail = shop.admin("GET", f"/discount-codes/{made['id']}")
    assert detail == {"code": made, "redemptions": []}
    one = add(shop, code="ONE", product_slug="app", policy_slug="pro")
    assert one["applies_to_policy_id"] == policies["pro"]
    assert shop.audited("discount_code.create") == 2


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"code": "no good"}, 400, "A-Z"),
        ({"code": " "}, 400, "A-Z"),
        ({"code": "X" * 65}, 400, "64"),
        ({"kind": "half"}, 400, "percent, fixed_sats"),
        ({"amount": 10_001}, 400, "amount"),
        ({"amount": -1}, 400, "amount"),
        ({"kind": "fixed_sats", "amount": 0}, 400, "amount"),
        ({"max_uses": 0}, 400, "max_uses"),
        ({"discount_currency": "GBP"}, 400, "SAT, USD or EUR"),
        ({"duration": "twice"}, 400, "once, forever"),
        ({"policy_slugs": ["pro"]}, 400, "product_slug"),
        ({"policy_slug": "pro"}, 400, "product_slug"),
        ({"product_slug": "none"}, 404, "none"),
        ({"product_slug": ""}, 404, "product"),
        ({"product_slug": "app", "policy_slug": ""}, 404, "policy"),
        ({"product_slug": "app", "policy_slugs": ["none"]}, 404, "none"),
    ],
)
def test_what_breaks_a_rule_is_refused(
    shop: Shop, fields: dict[str, Any], status: int, said: str
) -> None:
    answer = refused(shop, **fields)
    assert answer[0] == status
    assert said in answer[1]
    assert shop.admin("GET", "/discount-codes")["codes"] == []


@pytest.mark.defects("D33")
@pytest.mark.parametrize("text", ["tomorrow", "2031-02-03", "2031-02-03 04:05:06"])
@pytest.mark.betters("B-21")
def test_an_expiry_that_is_no_instant_is_refused(shop: Shop, text: str) -> None:
    assert refused(shop, expires_at=text)[0] == 400
    code = add(shop)
    answer = shop.admin(
        "PATCH", f"/discount-codes/{code['id']}", ok=False, json={"expires_at": text}
    )
    assert answer.status_code == 400


def test_b43_parts_of_a_percent_and_the_hour_of_a_local_expiry_are_kept(shop: Shop) -> None:
    """B-21: what is local is told as UTC."""
    code = add(shop, amount=1_275, expires_at="2028-01-01T01:30:00+02:00")
    path = f"/discount-codes/{code['id']}"
    assert (code["amount"], code["expires_at"]) == (1_275, "2027-12-31T23:30:00Z")
    changed = shop.admin("PATCH", path, json={"description": "spring"})
    assert (changed["amount"], changed["expires_at"]) == (1_275, "2027-12-31T23:30:00Z")
    changed = shop.admin("PATCH", path, json={"expires_at": "2028-06-01T00:00:00-03:00"})
    assert changed["expires_at"] == "2028-06-01T03:00:00Z"


def test_a_free_license_code_has_no_amount(shop: Shop) -> None:
    made = add(shop, kind="free_license", amount=77)
    assert made["amount"] == 0
    path = f"/discount-codes/{made['id']}"
    assert shop.admin("PATCH", path, ok=False, json={"amount": 1}).status_code == 400


def test_a_code_is_spelled_once_whatever_its_case(shop: Shop) -> None:
    add(shop)
    answer = shop.admin("POST", "/discount-codes", ok=False, json=SAVE | {"code": " SAVE-10 "})
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")


def test_fields_are_changed_cleared_or_left_alone(shop: Shop) -> None:
    made = add(
        shop, max_uses=5, expires_at="2031-01-01T00:00:00Z", referrer_label="x", product_slug="app"
    )
    path = f"/discount-codes/{made['id']}"
    assert shop.admin("PATCH", path, json={}) == made
    changed = shop.admin(
        "PATCH",
        path,
        json={
            "amount": 2_000,
            "max_uses": None,
            "expires_at": None,
            "referrer_label": None,
            "description": "new",
            "featured": True,
            "policy_slugs": ["pro"],
            "code": "ignored",
        },
    )
    assert (changed["amount"], changed["code"], changed["description"]) == (2_000, "SAVE-10", "new")
    assert (changed["max_uses"], changed["expires_at"], changed["referrer_label"]) == (None,) * 3
    assert len(changed["applies_to_policy_ids"]) == 1
    assert shop.admin("PATCH", path, json={"policy_slugs": []})["applies_to_policy_ids"] == []
    everywhere = add(shop, code="ALL")
    answer = shop.admin(
        "PATCH", f"/discount-codes/{everywhere['id']}", ok=False, json={"policy_slugs": []}
    )
    assert answer.status_code == 400


def test_a_cap_cannot_fall_below_the_uses_there_are(shop: Shop) -> None:
    code = add(shop)
    for _ in range(2):
        shop.buy(code="SAVE-10")
    path = f"/discount-codes/{code['id']}"
    assert shop.admin("PATCH", path, ok=False, json={"max_uses": 1}).status_code == 400
    assert shop.admin("PATCH", path, json={"max_uses": 2})["used_count"] == 2


def test_a_code_that_was_ever_used_is_kept(shop: Shop) -> None:
    unused = add(shop, code="UNUSED")
    assert shop.admin("DELETE", f"/discount-codes/{unused['id']}") == {
        "ok": True,
        "deleted": "UNUSED",
    }
    code = add(shop)
    shop.buy(code="SAVE-10")
    answer = shop.admin("DELETE", f"/discount-codes/{code['id']}", ok=False)
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    assert "disable" in answer.json()["message"]


@pytest.mark.betters("B-24")
def test_an_unknown_code_is_not_found(shop: Shop) -> None:
    for method, path, body in (
        ("GET", "/discount-codes/none", None),
        ("PATCH", "/discount-codes/none", {}),
        ("PATCH", "/discount-codes/none/active", {"active": True}),
        ("DELETE", "/discount-codes/none", None),
    ):
        answer = shop.admin(method, path, ok=False, **({"json": body} if body is not None else {}))
        assert answer.status_code == 404, path
    assert shop.audited("discount_code.enable") == 0


@pytest.mark.defects("D32")
@pytest.mark.betters("B-24")
def test_no_more_codes_are_active_than_the_tier_of_keysat_allows() -> None:
    with running_shop(self_license=SelfLicense()) as shop:
        made = [add(shop, code=f"CODE-{number}") for number in range(CODES_CAP)]
        answer = shop.admin("POST", "/discount-codes", ok=False, json=SAVE)
        assert (answer.status_code, answer.json()["error"]) == (402, "tier_cap")
        assert "policy=pro" in answer.json()["upgrade_url"]
        path = f"/discount-codes/{made[0]['id']}/active"
        assert shop.admin("PATCH", path, json={"active": False}) == {"ok": True}
        add(shop, code="ONE-MORE")
        answer = shop.admin("PATCH", path, ok=False, json={"active": True})
        assert (answer.status_code, answer.json()["error"]) == (402, "tier_cap")
        # What is active already counts once.
        other = f"/discount-codes/{made[1]['id']}/active"
        assert shop.admin("PATCH", other, json={"active": True}) == {"ok": True}


def test_codes_are_listed_newest_first_and_in_pages(shop: Shop) -> None:
    made = []
    for number in range(3):
        made.append(add(shop, code=f"C-{number}"))
        shop.clock.turn(1)
    shop.admin("PATCH", f"/discount-codes/{made[2]['id']}/active", json={"active": False})

    def listed(query: str = "") -> tuple[list[str], int]:
        page = shop.admin("GET", f"/discount-codes{query}")
        return [one["code"] for one in page["codes"]], page["total"]

    assert listed() == (["C-1", "C-0"], 2)
    assert listed("?include_inactive=true") == (["C-2", "C-1", "C-0"], 3)
    assert listed("?include_inactive=true&limit=1&offset=1") == (["C-1"], 3)


def test_sales_are_attributed_to_codes_and_their_referrers(shop: Shop) -> None:
    add(shop, referrer_label="podcast")
    add(shop, code="GIFT", kind="free_license", amount=0)
    add(shop, code="UNUSED")
    shop.sell(code="SAVE-10")
    shop.sell(code="SAVE-10")
    shop.buy(code="SAVE-10")
    shop.post("/v1/redeem", product="app", code="GIFT")
    report = shop.admin("GET", "/discount-codes/attribution")
    assert (report["redemptions"], report["revenue_sats"]) == (3, 90_000)
    first, second = report["attributions"]
    assert (first["code"], first["referrer_label"]) == ("SAVE-10", "podcast")
    assert (first["redemptions"], first["paid_redemptions"], first["revenue_sats"]) == (
        2,
        2,
        90_000,
    )
    assert first["discount_applied_sats"] == 10_000
    assert (second["code"], second["redemptions"], second["paid_redemptions"]) == ("GIFT", 1, 0)
    later = shop.admin("GET", "/discount-codes/attribution?since=2099-01-01T00:00:00Z")
    assert later == {"attributions": [], "redemptions": 0, "revenue_sats": 0}
    bad = shop.admin("GET", "/discount-codes/attribution?since=soon", ok=False)
    assert bad.status_code == 400


def test_who_may_read_codes_may_not_change_them() -> None:
    with running_shop(scopes=frozenset({Scope.DISCOUNT_CODES_READ})) as shop:
        scoped = {"authorization": "Bearer scoped"}
        path = "/v1/admin/discount-codes"
        assert shop.client.get(path, headers=scoped).status_code == 200
        assert shop.client.post(path, headers=scoped, json=SAVE).status_code == 403
        assert shop.client.get(path).status_code == 401
