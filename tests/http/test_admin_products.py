"""Products, as operators manage them. Source: admin-api 2.4, B-23, B-34, B-36."""

from typing import Any

import pytest

from keysat_core.domain.self_license import SelfLicense
from tests.support.shop import Shop, running_shop

ENTRY = {"slug": "export", "name": "Export", "description": "Write files."}


def refused(shop: Shop, method: str, path: str, **request: Any) -> tuple[int, str]:
    response = shop.admin(method, path, ok=False, **request)
    return response.status_code, response.json()["error"]


def test_a_new_product_is_given_back_whole_and_reported(shop: Shop) -> None:
    product = shop.add_product(
        "app",
        name="App",
        description="A tool.",
        price_currency="usd",
        price_value=4_900,
        metadata={"color": "blue"},
        entitlements_catalog=[ENTRY],
    )
    assert product | {"id": ""} == {
        "id": "",
        "slug": "app",
        "name": "App",
        "description": "A tool.",
        "price_sats": 0,
        "price_currency": "USD",
        "price_value": 4_900,
        "active": True,
        "metadata": {"color": "blue"},
        "entitlements_catalog": [ENTRY],
        "merchant_profile_id": None,
        "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
    }
    assert shop.audited("product.create") == 1
    assert [event.event_type for event in shop.events()] == ["product.created"]


def test_nulls_mean_the_defaults(shop: Shop) -> None:
    product = shop.add_product(
        description=None, metadata=None, entitlements_catalog=None, merchant_profile_id=None
    )
    assert (product["description"], product["metadata"]) == ("", {})
    assert product["entitlements_catalog"] is None


def test_an_empty_catalog_is_no_catalog(shop: Shop) -> None:
    assert shop.add_product(entitlements_catalog=[])["entitlements_catalog"] is None


@pytest.mark.parametrize(
    ("price", "status"),
    [
        pytest.param({"price_currency": "SAT", "price_value": 5}, 200, id="typed"),
        pytest.param(
            {"price_currency": "SAT", "price_value": 5, "price_sats": 5}, 200, id="both agree"
        ),
        pytest.param(
            {"price_currency": "SAT", "price_value": 5, "price_sats": 6}, 400, id="both differ"
        ),
        pytest.param(
            {"price_currency": "USD", "price_value": 5, "price_sats": 5}, 400, id="fiat and sats"
        ),
        pytest.param({"price_sats": 5}, 200, id="sats alone"),
        pytest.param({"price_currency": "SAT"}, 400, id="currency alone"),
        pytest.param({"price_currency": "SAT", "price_sats": 5}, 400, id="currency and sats"),
        pytest.param({"price_value": 5}, 400, id="value alone"),
        pytest.param({}, 400, id="no price"),
        pytest.param({"price_sats": 0}, 400, id="nothing"),
        pytest.param({"price_sats": -1}, 400, id="less than nothing"),
        pytest.param({"price_currency": "GBP", "price_value": 5}, 400, id="unknown currency"),
        pytest.param({"price_sats": 2**60}, 400, id="more than all money"),
    ],
)
def test_prices_are_read_by_the_table(shop: Shop, price: dict[str, Any], status: int) -> None:
    body = {"slug": "app", "name": "App"} | price
    assert shop.admin("POST", "/products", ok=False, json=body).status_code == status


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"slug": ""}, id="empty slug"),
        pytest.param({"slug": "App"}, id="upper-case slug"),
        pytest.param({"slug": "a b"}, id="slug with space"),
        pytest.param({"slug": "a" * 65}, id="long slug"),
        pytest.param({"name": " "}, id="blank name"),
        pytest.param({"name": "n" * 201}, id="long name"),
        pytest.param({"name": "a\0b"}, id="NUL"),
        pytest.param({"entitlements_catalog": [ENTRY, ENTRY]}, id="catalog twice"),
        pytest.param({"entitlements_catalog": [ENTRY | {"slug": "A-b"}]}, id="catalog slug"),
    ],
)
@pytest.mark.betters("B-23", "B-36")
def test_fields_that_break_a_rule_leave_nothing_behind(shop: Shop, fields: dict[str, Any]) -> None:
    body = {"slug": "app", "name": "App", "price_sats": 1} | fields
    assert refused(shop, "POST", "/products", json=body) == (400, "bad_request")
    assert shop.admin("GET", "/products") == {"products": [], "total": 0}


@pytest.mark.betters("B-23")
def test_an_unknown_profile_leaves_nothing_behind(shop: Shop) -> None:
    body = {"slug": "app", "name": "App", "price_sats": 1, "merchant_profile_id": "nobody"}
    assert refused(shop, "POST", "/products", json=body) == (404, "not_found")
    assert shop.admin("GET", "/products") == {"products": [], "total": 0}


def test_a_slug_is_taken_once(shop: Shop) -> None:
    shop.add_product()
    body = {"slug": "app", "name": "Other", "price_sats": 1}
    assert refused(shop, "POST", "/products", json=body) == (409, "conflict")


def test_the_free_tier_of_keysat_has_room_for_five_products() -> None:
    with running_shop(self_license=SelfLicense()) as shop:
        for number in range(5):
            shop.add_product(f"app-{number}")
        body = {"slug": "app-5", "name": "App", "price_sats": 1}
        response = shop.admin("POST", "/products", ok=False, json=body)
        assert (response.status_code, response.json()["error"]) == (402, "tier_cap")
        assert response.json()["upgrade_url"].endswith("?policy=pro")


@pytest.mark.betters("B-34")
def test_products_off_sale_are_listed_when_asked_for(shop: Shop) -> None:
    shop.add_product("on")
    off = shop.add_product("off")
    assert shop.admin("PATCH", f"/products/{off['id']}/active", json={"active": False}) == {
        "ok": True
    }
    slugs = [p["slug"] for p in shop.admin("GET", "/products")["products"]]
    assert slugs == ["on"]
    every = shop.admin("GET", "/products?include_inactive=true")["products"]
    assert [p["slug"] for p in every] == ["off", "on"]


def test_lists_are_paged(shop: Shop) -> None:
    for slug in ("a", "b", "c"):
        shop.add_product(slug)
    page = shop.admin("GET", "/products?limit=1&offset=1")["products"]
    assert [p["slug"] for p in page] == ["b"]
    for query, slugs in (
        ("limit=0", ["a"]),
        ("limit=-5&offset=-5", ["a"]),
        (f"limit={10**30}", ["a", "b", "c"]),
        (f"offset={10**30}", []),
    ):
        assert [p["slug"] for p in shop.admin("GET", f"/products?{query}")["products"]] == slugs


@pytest.mark.parametrize("value", ["1", "yes", "True", ""])
def test_query_booleans_are_true_or_false(shop: Shop, value: str) -> None:
    assert refused(shop, "GET", f"/products?include_inactive={value}") == (400, "bad_request")


def test_one_product_is_shown(shop: Shop) -> None:
    product = shop.add_product()
    assert shop.admin("GET", f"/products/{product['id']}") == product
    assert refused(shop, "GET", "/products/nope") == (404, "not_found")


def test_a_patch_changes_only_what_it_holds(shop: Shop) -> None:
    product = shop.add_product(description="Old.", entitlements_catalog=[ENTRY])
    shop.clock.turn(60)
    changed = shop.admin(
        "PATCH",
        f"/products/{product['id']}",
        json={"name": "New", "slug": "ignored", "metadata": {"ignored": True}},
    )
    assert changed == product | {"name": "New", "updated_at": "2027-01-15T08:01:00Z"}
    assert shop.audited("product.update") == 1


def test_an_empty_patch_changes_nothing(shop: Shop) -> None:
    product = shop.add_product()
    shop.clock.turn(60)
    assert shop.admin("PATCH", f"/products/{product['id']}", json={}) == product
    patch = {"name": None, "description": None, "price_sats": None}
    assert shop.admin("PATCH", f"/products/{product['id']}", json=patch) == product
    assert shop.audited("product.update") == 0


@pytest.mark.parametrize("cleared", [None, []])
def test_a_catalog_is_cleared_by_null_or_nothing(shop: Shop, cleared: object) -> None:
    product = shop.add_product(entitlements_catalog=[ENTRY])
    patch = {"entitlements_catalog": cleared}
    changed = shop.admin("PATCH", f"/products/{product['id']}", json=patch)
    assert changed["entitlements_catalog"] is None


def test_a_profile_is_set_and_cleared(shop: Shop) -> None:
    with shop.ports.store.reading() as tx:
        profile = tx.merchants.find_default_profile()
    assert profile is not None
    product = shop.add_product()
    path = f"/products/{product['id']}"
    changed = shop.admin("PATCH", path, json={"merchant_profile_id": profile.id})
    assert changed["merchant_profile_id"] == profile.id
    changed = shop.admin("PATCH", path, json={"merchant_profile_id": None})
    assert changed["merchant_profile_id"] is None
    assert refused(shop, "PATCH", path, json={"merchant_profile_id": "nobody"})[0] == 404


def test_a_patch_may_change_the_price_to_another_currency_or_to_nothing(shop: Shop) -> None:
    product = shop.add_product()
    path = f"/products/{product['id']}"
    changed = shop.admin("PATCH", path, json={"price_currency": "EUR", "price_value": 900})
    assert (changed["price_sats"], changed["price_currency"], changed["price_value"]) == (
        0,
        "EUR",
        900,
    )
    assert shop.admin("PATCH", path, json={"price_sats": 0})["price_value"] == 0
    assert refused(shop, "PATCH", path, json={"price_value": 1}) == (400, "bad_request")


def test_a_product_without_sales_goes_with_its_policies(shop: Shop) -> None:
    product = shop.add_product()
    shop.add_policy("pro")
    assert shop.admin("DELETE", f"/products/{product['id']}") == {
        "ok": True,
        "deleted": "app",
        "force": False,
        "cascaded_policies": 1,
        "cascaded_codes": 0,
        "cascaded_licenses": 0,
        "cascaded_invoices": 0,
        "cascaded_machines": 0,
        "cascaded_redemptions": 0,
        "cascaded_subscriptions": 0,
    }
    assert refused(shop, "DELETE", f"/products/{product['id']}") == (404, "not_found")


@pytest.mark.betters("B-15")
def test_a_product_that_was_sold_goes_only_by_force(shop: Shop) -> None:
    product = shop.add_product()
    sold = shop.sell()
    shop.validate(sold["license_key"], fingerprint="m")
    path = f"/products/{product['id']}"
    assert refused(shop, "DELETE", path) == (409, "conflict")
    deleted = shop.admin("DELETE", f"{path}?force=true")
    assert deleted["force"] is True
    assert deleted["warning"].startswith("1 settled invoices were deleted")
    assert (
        deleted["cascaded_licenses"],
        deleted["cascaded_invoices"],
        deleted["cascaded_machines"],
    ) == (1, 1, 1)
    assert shop.validate(sold["license_key"])["reason"] == "not_found"


@pytest.mark.betters("B-34")
def test_policies_are_put_in_order(shop: Shop) -> None:
    product = shop.add_product()
    first, second, gone = (shop.add_policy(slug) for slug in ("a", "b", "c"))
    shop.admin("PATCH", f"/policies/{gone['id']}/archived", json={"archived": True})
    path = f"/products/{product['id']}/policy-order"
    ordered = shop.admin("PUT", path, json={"policy_ids": [second["id"], first["id"]]})
    assert [(p["slug"], p["tier_rank"]) for p in ordered["policies"]] == [("b", 1), ("a", 2)]
    assert refused(shop, "PUT", path, json={"policy_ids": [first["id"]]}) == (400, "bad_request")
    assert refused(shop, "PUT", "/products/nope/policy-order", json={"policy_ids": []})[0] == 404


def test_null_inside_the_catalog_means_the_default_too(shop: Shop) -> None:
    catalog = [{"slug": "export", "name": "Export", "description": None}]
    product = shop.add_product(entitlements_catalog=catalog)
    assert product["entitlements_catalog"][0]["description"] == ""


@pytest.mark.parametrize("field", ["price_value", "price_sats"])
def test_a_price_below_zero_is_named_as_it_was_sent(shop: Shop, field: str) -> None:
    price = {field: -5} | ({"price_currency": "SAT"} if field == "price_value" else {})
    body = {"slug": "app", "name": "App"} | price
    response = shop.admin("POST", "/products", ok=False, json=body)
    assert response.status_code == 400
    assert response.json()["detail"][0]["field"] == field


def test_a_change_that_changes_nothing_is_not_recorded(shop: Shop) -> None:
    product = shop.add_product()
    path = f"/products/{product['id']}"
    assert shop.admin("PATCH", path, json={"name": product["name"]}) == product
    shop.admin("PATCH", f"{path}/active", json={"active": True})
    assert shop.audited("product.update") + shop.audited("product.set_active") == 0
