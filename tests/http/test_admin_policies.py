"""Policies, as operators manage them. Source: admin-api 2.5, B-34, B-36."""

from typing import Any

import pytest

from keysat_core.domain.self_license import SelfLicense
from tests.support.shop import Shop, running_shop

PLAIN = {
    "name": "Pro",
    "slug": "pro",
    "duration_seconds": 0,
    "grace_seconds": 0,
    "max_machines": 1,
    "is_trial": False,
    "price_sats_override": None,
    "entitlements": [],
    "metadata": {},
    "active": True,
    "tip_recipient": None,
    "tip_pct_bps": 0,
    "tip_label": None,
    "public": True,
    "is_recurring": False,
    "renewal_period_days": 0,
    "grace_period_days": 7,
    "trial_days": 0,
    "tier_rank": None,
    "archived_at": None,
    "created_at": "2027-01-15T08:00:00Z",
    "updated_at": "2027-01-15T08:00:00Z",
}


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.add_product()
    return shop


def refused(shop: Shop, method: str, path: str, **request: Any) -> tuple[int, str]:
    response = shop.admin(method, path, ok=False, **request)
    return response.status_code, response.json()["error"]


def test_a_plain_policy_is_given_back_whole(stocked: Shop) -> None:
    policy = stocked.add_policy("pro")
    assert policy == PLAIN | {"id": policy["id"], "product_id": policy["product_id"]}
    assert stocked.audited("policy.create") == 1


def test_nulls_mean_the_defaults(stocked: Shop) -> None:
    policy = stocked.add_policy(
        "pro",
        duration_seconds=None,
        grace_seconds=None,
        max_machines=None,
        is_trial=None,
        price_sats_override=None,
        entitlements=None,
        metadata=None,
        tip_recipient=None,
        tip_pct_bps=None,
        tip_label=None,
        is_recurring=None,
        renewal_period_days=None,
        grace_period_days=None,
        trial_days=None,
        tier_rank=None,
    )
    assert PLAIN.items() <= policy.items()


def test_every_field_is_kept(stocked: Shop) -> None:
    fields: dict[str, Any] = {
        "duration_seconds": 86_400,
        "grace_seconds": 60,
        "max_machines": 0,
        "is_trial": True,
        "price_sats_override": 0,
        "entitlements": ["a", "b"],
        "metadata": {"highlight": True},
        "tip_recipient": "tips@example.com",
        "tip_pct_bps": 250,
        "tip_label": "Thanks",
        "is_recurring": True,
        "renewal_period_days": 30,
        "grace_period_days": 0,
        "trial_days": 30,
        "tier_rank": 1_000,
    }
    assert fields.items() <= stocked.add_policy("pro", **fields).items()


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"slug": "Pro"}, id="slug"),
        pytest.param({"name": ""}, id="name"),
        pytest.param({"duration_seconds": -1}, id="duration"),
        pytest.param({"grace_seconds": -1}, id="grace"),
        pytest.param({"max_machines": -1}, id="seats"),
        pytest.param({"price_sats_override": -1}, id="price"),
        pytest.param({"tip_pct_bps": 10_001, "tip_recipient": "a@b.c"}, id="tip too high"),
        pytest.param({"tip_pct_bps": 5}, id="tip for nobody"),
        pytest.param({"tip_recipient": "a@b.c"}, id="tip of nothing"),
        pytest.param({"is_recurring": True}, id="no period"),
        pytest.param({"is_recurring": True, "renewal_period_days": 1_831}, id="long period"),
        pytest.param(
            {"is_recurring": True, "renewal_period_days": 30, "grace_period_days": 91},
            id="long grace period",
        ),
        pytest.param(
            {"is_recurring": True, "renewal_period_days": 30, "trial_days": 31}, id="long trial"
        ),
        pytest.param({"tier_rank": 1_001}, id="rank"),
        pytest.param({"metadata": [1]}, id="metadata no object"),
        pytest.param({"entitlements": ["x" * 256]}, id="entitlement too long for a key"),
    ],
)
@pytest.mark.betters("B-36")
def test_fields_that_break_a_rule_are_refused(stocked: Shop, fields: dict[str, Any]) -> None:
    body = {"product_slug": "app", "slug": "pro", "name": "Pro"} | fields
    assert refused(stocked, "POST", "/policies", json=body) == (400, "bad_request")


def test_entitlements_must_be_in_the_catalog(shop: Shop) -> None:
    shop.add_product(entitlements_catalog=[{"slug": "export", "name": "Export"}])
    policy = shop.add_policy("pro", entitlements=["export"])
    body = {"product_slug": "app", "slug": "x", "name": "X", "entitlements": ["import"]}
    assert refused(shop, "POST", "/policies", json=body) == (400, "bad_request")
    patch = {"entitlements": ["import"]}
    assert refused(shop, "PATCH", f"/policies/{policy['id']}", json=patch)[0] == 400


def test_a_policy_needs_its_product_and_a_slug_of_its_own(stocked: Shop) -> None:
    stocked.add_policy("pro")
    body = {"product_slug": "app", "slug": "pro", "name": "Pro"}
    assert refused(stocked, "POST", "/policies", json=body) == (409, "conflict")
    body = {"product_slug": "nope", "slug": "pro", "name": "Pro"}
    assert refused(stocked, "POST", "/policies", json=body) == (404, "not_found")


def test_the_free_tier_of_keysat_has_five_policies_and_none_that_recur() -> None:
    with running_shop(self_license=SelfLicense()) as shop:
        shop.add_product()
        recurring = {"is_recurring": True, "renewal_period_days": 30}
        body = {"product_slug": "app", "slug": "sub", "name": "Sub"} | recurring
        assert refused(shop, "POST", "/policies", json=body) == (402, "tier_cap")
        policies = [shop.add_policy(f"p{number}") for number in range(5)]
        assert refused(shop, "PATCH", f"/policies/{policies[0]['id']}", json=recurring)[0] == 402
        body = {"product_slug": "app", "slug": "p5", "name": "P"}
        assert refused(shop, "POST", "/policies", json=body) == (402, "tier_cap")


def test_policies_are_listed_by_name_without_what_is_off_sale(stocked: Shop) -> None:
    stocked.add_policy("z", name="Z")
    off = stocked.add_policy("off", name="B")
    archived = stocked.add_policy("archived", name="C")
    stocked.add_policy("a", name="A")
    stocked.admin("PATCH", f"/policies/{off['id']}/active", json={"active": False})
    stocked.admin("PATCH", f"/policies/{archived['id']}/archived", json={"archived": True})

    def slugs(query: str) -> list[str]:
        listed = stocked.admin("GET", f"/policies?product_slug=app{query}")["policies"]
        return [policy["slug"] for policy in listed]

    assert slugs("") == ["a", "z"]
    assert slugs("&include_inactive=true") == ["a", "off", "z"]
    assert slugs("&include_archived=true") == ["a", "archived", "z"]
    assert slugs("&include_archived=true&include_inactive=true&limit=2&offset=1") == [
        "off",
        "archived",
    ]


def test_a_list_of_policies_needs_a_product(stocked: Shop) -> None:
    assert refused(stocked, "GET", "/policies") == (400, "bad_request")
    assert refused(stocked, "GET", "/policies?product_slug=nope") == (404, "not_found")


@pytest.mark.betters("B-34")
def test_one_policy_is_shown(stocked: Shop) -> None:
    policy = stocked.add_policy("pro")
    assert stocked.admin("GET", f"/policies/{policy['id']}") == policy
    assert refused(stocked, "GET", "/policies/nope") == (404, "not_found")


def test_a_patch_changes_only_what_it_holds(stocked: Shop) -> None:
    policy = stocked.add_policy("pro", price_sats_override=5, tier_rank=2, metadata={"a": 1})
    path = f"/policies/{policy['id']}"
    changed = stocked.admin(
        "PATCH", path, json={"name": "New", "metadata": None, "entitlements": None, "slug": "x"}
    )
    assert changed == policy | {"name": "New"}
    assert stocked.admin("PATCH", path, json={"metadata": {"b": 2}})["metadata"] == {"b": 2}
    changes = {"metadata_changes": {"c": [3], "b": None, "none": None}}
    assert stocked.admin("PATCH", path, json=changes)["metadata"] == {"c": [3]}
    both = {"metadata": {"d": None, "c": 5}, "metadata_changes": {"c": None}}
    assert stocked.admin("PATCH", path, json=both)["metadata"] == {"d": None}
    cleared = stocked.admin("PATCH", path, json={"price_sats_override": None, "tier_rank": None})
    assert (cleared["price_sats_override"], cleared["tier_rank"]) == (None, None)


def test_a_patch_is_judged_by_its_result(stocked: Shop) -> None:
    policy = stocked.add_policy("pro", is_recurring=True, renewal_period_days=30, trial_days=20)
    path = f"/policies/{policy['id']}"
    assert refused(stocked, "PATCH", path, json={"renewal_period_days": 10})[0] == 400
    patch = {"renewal_period_days": 10, "trial_days": 5}
    assert stocked.admin("PATCH", path, json=patch)["trial_days"] == 5


def test_a_policy_is_hidden_and_shown(stocked: Shop) -> None:
    policy = stocked.add_policy("pro")
    for value in (False, True):
        assert stocked.admin(
            "PATCH", f"/policies/{policy['id']}/public", json={"public": value}
        ) == {"ok": True}
        assert stocked.admin("GET", f"/policies/{policy['id']}")["public"] is value


def test_a_policy_is_archived_and_taken_back(stocked: Shop) -> None:
    path = f"/policies/{stocked.add_policy('pro')['id']}"

    def archive(*, archived: bool) -> Any:
        return stocked.admin("PATCH", f"{path}/archived", json={"archived": archived})

    assert archive(archived=True) == {"ok": True, "archived": True}
    stocked.clock.turn(60)
    assert archive(archived=True) == {"ok": True, "archived": True, "already": "archived"}
    assert stocked.admin("GET", path)["archived_at"] == "2027-01-15T08:01:00Z"
    assert archive(archived=False) == {"ok": True, "archived": False}
    assert archive(archived=False) == {"ok": True, "archived": False, "already": "unarchived"}


def test_a_tip_is_set_and_removed(stocked: Shop) -> None:
    path = f"/policies/{stocked.add_policy('pro')['id']}/tip"
    tip = {"tip_recipient": " a@b.c ", "tip_pct_bps": 100, "tip_label": ""}
    changed = stocked.admin("PATCH", path, json=tip)
    assert (changed["tip_recipient"], changed["tip_pct_bps"], changed["tip_label"]) == (
        "a@b.c",
        100,
        None,
    )
    removed = stocked.admin("PATCH", path, json={"tip_pct_bps": 0})
    assert (removed["tip_recipient"], removed["tip_pct_bps"]) == (None, 0)
    assert refused(stocked, "PATCH", path, json={"tip_recipient": "a@b.c"})[0] == 400
    assert refused(stocked, "PATCH", path, json={"tip_pct_bps": 5})[0] == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {}),
        ("/active", {"active": True}),
        ("/public", {"public": True}),
        ("/archived", {"archived": True}),
        ("/tip", {"tip_pct_bps": 0}),
    ],
)
def test_an_unknown_policy_is_not_found(shop: Shop, path: str, body: dict[str, Any]) -> None:
    assert refused(shop, "PATCH", f"/policies/nope{path}", json=body) == (404, "not_found")


def test_an_unused_policy_is_deleted(stocked: Shop) -> None:
    policy = stocked.add_policy("pro")
    assert stocked.admin("DELETE", f"/policies/{policy['id']}") == {
        "ok": True,
        "deleted": "pro",
        "force": False,
        "cascaded_licenses": 0,
        "cascaded_invoices": 0,
        "cascaded_machines": 0,
        "cascaded_redemptions": 0,
        "cascaded_subscriptions": 0,
    }
    assert refused(stocked, "DELETE", f"/policies/{policy['id']}") == (404, "not_found")


def test_a_policy_in_use_goes_only_by_force(stocked: Shop) -> None:
    policy = stocked.add_policy("pro")
    stocked.sell(policy_slug="pro")
    path = f"/policies/{policy['id']}"
    assert refused(stocked, "DELETE", f"{path}?force=false") == (409, "conflict")
    deleted = stocked.admin("DELETE", f"{path}?force=true")
    assert (deleted["cascaded_licenses"], deleted["cascaded_invoices"]) == (1, 1)


def test_b16_what_a_buyer_may_be_paying_keeps_a_policy_for_a_day(stocked: Shop) -> None:
    policy = stocked.add_policy("pro")
    purchase = stocked.buy(policy_slug="pro")
    path = f"/policies/{policy['id']}"
    answer = stocked.admin("DELETE", path, ok=False)
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    assert "pending invoice" in answer.json()["message"]
    assert stocked.poll(purchase["invoice_id"])["status"] == "pending"
    stocked.clock.turn(86_401)
    assert stocked.admin("DELETE", path)["cascaded_invoices"] == 1


def test_b43_a_tier_that_is_edited_goes_on_inheriting_its_price(stocked: Shop) -> None:
    policy = stocked.add_policy("pro")
    path = f"/policies/{policy['id']}"
    assert (
        stocked.admin("PATCH", path, json={"name": "Professional"})["price_sats_override"] is None
    )
    products = stocked.admin("GET", "/products")["products"]
    stocked.admin("PATCH", f"/products/{products[0]['id']}", json={"price_sats": 70_000})
    assert stocked.buy(policy_slug="pro")["amount_sats"] == 70_000


def test_a_missing_query_parameter_is_named(shop: Shop) -> None:
    response = shop.admin("GET", "/policies", ok=False)
    assert response.status_code == 400
    assert response.json()["detail"] == [{"field": "product_slug", "problem": "is required"}]


def test_the_ranges_of_a_cadence_bind_only_policies_that_recur(shop: Shop) -> None:
    shop.add_product()
    policy = shop.add_policy("plain", grace_period_days=200, renewal_period_days=5_000)
    response = shop.admin(
        "PATCH", f"/policies/{policy['id']}", ok=False, json={"is_recurring": True}
    )
    assert response.status_code == 400
