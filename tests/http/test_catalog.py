"""What buyers and their software see of the shop. Source: public-api 5."""

from typing import Any

import pytest

from tests.support.shop import Shop

PRODUCT_KEYS = {
    "id",
    "slug",
    "name",
    "description",
    "price_sats",
    "price_currency",
    "price_value",
    "active",
    "metadata",
    "entitlements_catalog",
    "merchant_profile_id",
    "created_at",
    "updated_at",
}


def tiers(shop: Shop, slug: str = "app") -> dict[str, Any]:
    response = shop.client.get(f"/v1/products/{slug}/policies")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def test_an_empty_shop_has_an_empty_list(shop: Shop) -> None:
    assert shop.client.get("/v1/products").json() == {"products": []}


def test_products_come_by_name_and_only_those_on_sale(shop: Shop) -> None:
    shop.add_product("zebra", name="Zebra")
    shop.add_product("aardvark", name="Aardvark")
    gone = shop.add_product("gone", name="Gone")
    shop.admin("PATCH", f"/products/{gone['id']}/active", json={"active": False})
    listed = shop.client.get("/v1/products").json()["products"]
    assert [product["slug"] for product in listed] == ["aardvark", "zebra"]


def test_a_product_has_every_field_whether_set_or_not(shop: Shop) -> None:
    shop.add_product()
    (listed,) = shop.client.get("/v1/products").json()["products"]
    assert listed.keys() == PRODUCT_KEYS
    assert listed["entitlements_catalog"] is None
    assert listed["merchant_profile_id"] is None
    assert listed["metadata"] == {}
    assert listed["description"] == ""
    assert listed["created_at"] == "2027-01-15T08:00:00Z"


def test_a_sat_product_has_its_price_twice(shop: Shop) -> None:
    shop.add_product(price_sats=50_000)
    product = shop.client.get("/v1/products/app").json()
    assert (product["price_sats"], product["price_currency"], product["price_value"]) == (
        50_000,
        "SAT",
        50_000,
    )


def test_a_fiat_product_has_no_price_in_sats(shop: Shop) -> None:
    shop.add_product(price_currency="usd", price_value=4_900)
    product = shop.client.get("/v1/products/app").json()
    assert (product["price_sats"], product["price_currency"], product["price_value"]) == (
        0,
        "USD",
        4_900,
    )


def test_one_product_is_shown_bare_and_also_when_off_sale(shop: Shop) -> None:
    product = shop.add_product()
    shop.admin("PATCH", f"/products/{product['id']}/active", json={"active": False})
    shown = shop.client.get("/v1/products/app").json()
    assert shown["slug"] == "app"
    assert shown["active"] is False


def test_an_unknown_product_is_not_found(shop: Shop) -> None:
    for path in ("/v1/products/nope", "/v1/products/nope/policies"):
        response = shop.client.get(path)
        assert response.status_code == 404
        assert response.json()["error"] == "not_found"


def test_the_tiers_of_a_product_off_sale_are_not_found(shop: Shop) -> None:
    product = shop.add_product()
    shop.admin("PATCH", f"/products/{product['id']}/active", json={"active": False})
    assert shop.client.get("/v1/products/app/policies").status_code == 404


def test_a_tier_list_names_its_product(shop: Shop) -> None:
    shop.add_product(description="A tool.")
    assert tiers(shop)["product"] == {
        "slug": "app",
        "name": "App",
        "description": "A tool.",
        "base_price_sats": 50_000,
        "price_currency": "SAT",
        "price_value": 50_000,
        "entitlements_catalog": [],
    }


def test_a_tier_list_has_the_catalog_of_the_product(shop: Shop) -> None:
    entry = {"slug": "export", "name": "Export", "description": ""}
    shop.add_product(entitlements_catalog=[entry])
    assert tiers(shop)["product"]["entitlements_catalog"] == [entry]


def test_a_plain_tier_has_every_field(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("pro")
    assert tiers(shop)["policies"] == [
        {
            "slug": "pro",
            "name": "Pro",
            "description": "",
            "price_sats": 50_000,
            "price_currency": "SAT",
            "price_value": 50_000,
            "duration_seconds": 0,
            "max_machines": 1,
            "is_trial": False,
            "entitlements": [],
            "marketing_bullets": [],
            "marketing_bullets_position": "above",
            "hidden_entitlements": [],
            "highlighted": False,
            "is_recurring": False,
            "renewal_period_days": 0,
            "trial_days": 0,
            "featured_discount": None,
        }
    ]


def test_a_tier_shows_what_its_metadata_says_to_buyers(shop: Shop) -> None:
    shop.add_product()
    metadata = {
        "description": "For teams.",
        "highlight": True,
        "marketing_bullets": ["Fast", "Small"],
        "marketing_bullets_position": "below",
        "hidden_entitlements": ["internal"],
    }
    shop.add_policy("pro", metadata=metadata, entitlements=["internal", "export"])
    (tier,) = tiers(shop)["policies"]
    assert tier["description"] == "For teams."
    assert tier["highlighted"] is True
    assert tier["marketing_bullets"] == ["Fast", "Small"]
    assert tier["marketing_bullets_position"] == "below"
    assert tier["hidden_entitlements"] == ["internal"]
    assert tier["entitlements"] == ["internal", "export"]


def test_odd_metadata_is_shown_as_if_it_said_nothing(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy(
        "pro",
        metadata={"description": 7, "highlight": "yes", "marketing_bullets_position": "left"},
    )
    (tier,) = tiers(shop)["policies"]
    assert tier["description"] == ""
    assert tier["highlighted"] is False
    assert tier["marketing_bullets_position"] == "above"


def test_tiers_come_by_what_they_really_cost(shop: Shop) -> None:
    shop.add_product(price_sats=50_000)
    shop.add_policy("listed", name="B")
    shop.add_policy("dear", name="A", price_sats_override=90_000)
    shop.add_policy("cheap", name="Z", price_sats_override=10)
    shop.add_policy("same", name="A", price_sats_override=50_000)
    assert [tier["slug"] for tier in tiers(shop)["policies"]] == ["cheap", "same", "listed", "dear"]


@pytest.mark.betters("B-28")
def test_fiat_tiers_show_cents_with_and_without_an_override(shop: Shop) -> None:
    shop.add_product(price_currency="EUR", price_value=4_900)
    shop.add_policy("listed")
    shop.add_policy("pro", price_sats_override=9_900)
    prices = [
        (tier["price_sats"], tier["price_currency"], tier["price_value"])
        for tier in tiers(shop)["policies"]
    ]
    assert prices == [(4_900, "EUR", 4_900), (9_900, "EUR", 9_900)]


def test_only_tiers_on_sale_are_listed(shop: Shop) -> None:
    shop.add_product()
    hidden = shop.add_policy("hidden")
    inactive = shop.add_policy("inactive")
    archived = shop.add_policy("archived")
    shop.add_policy("open")
    shop.admin("PATCH", f"/policies/{hidden['id']}/public", json={"public": False})
    shop.admin("PATCH", f"/policies/{inactive['id']}/active", json={"active": False})
    shop.admin("PATCH", f"/policies/{archived['id']}/archived", json={"archived": True})
    assert [tier["slug"] for tier in tiers(shop)["policies"]] == ["open"]


def test_a_recurring_tier_shows_its_period_and_trial(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("sub", is_recurring=True, renewal_period_days=30, trial_days=14)
    (tier,) = tiers(shop)["policies"]
    assert (tier["is_recurring"], tier["renewal_period_days"], tier["trial_days"]) == (True, 30, 14)


def test_a_one_off_tier_shows_no_period(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("once", is_recurring=False, renewal_period_days=30, trial_days=14)
    (tier,) = tiers(shop)["policies"]
    assert (tier["renewal_period_days"], tier["trial_days"]) == (0, 0)


def test_slugs_are_matched_exactly(shop: Shop) -> None:
    shop.add_product()
    for slug in ("APP", "%20app", "app%20"):
        assert shop.client.get(f"/v1/products/{slug}").status_code == 404


def test_head_works_where_get_does(shop: Shop) -> None:
    shop.add_product()
    response = shop.client.head("/v1/products/app")
    assert (response.status_code, response.content) == (200, b"")
