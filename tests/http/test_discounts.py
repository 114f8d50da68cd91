"""Buying with a code, over the real server. Source: public-api 5.3, 6.1, 7 and 8; decisions 2-4, 7."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_core.ports.sandbox import PretendPayment
from tests.support.shop import Shop, running_shop

YESTERDAY = "2020-01-01T00:00:00Z"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        shop.add_product(price_sats=10_000)
        yield shop


def add(shop: Shop, code: str = "SAVE", kind: str = "percent", **fields: Any) -> dict[str, Any]:
    body = {"code": code, "kind": kind, "amount": 2_500} | fields
    made: dict[str, Any] = shop.admin("POST", "/discount-codes", json=body)
    return made


def used(shop: Shop, code: dict[str, Any]) -> int:
    count: int = shop.admin("GET", f"/discount-codes/{code['id']}")["code"]["used_count"]
    return count


@pytest.mark.parametrize(
    ("kind", "amount", "price", "off"),
    [
        ("percent", 2_500, 7_500, 2_500),
        ("fixed_sats", 3_000, 7_000, 3_000),
        ("set_price", 4_000, 4_000, 6_000),
    ],
)
def test_a_code_lowers_the_price_and_is_counted_once_paid(
    shop: Shop, kind: str, amount: int, price: int, off: int
) -> None:
    code = add(shop, kind=kind, amount=amount, referrer_label="podcast")
    bought = shop.buy(code="  save ")
    assert (bought["amount_sats"], bought["base_price_sats"]) == (price, 10_000)
    assert bought["discount_applied_sats"] == off
    assert bought["checkout_url"]
    assert used(shop, code) == 1
    shop.clock.turn(1)
    sold = shop.sell(code="SAVE")
    assert sold["license_key"]
    detail = shop.admin("GET", f"/discount-codes/{code['id']}")
    assert [one["status"] for one in detail["redemptions"]] == ["redeemed", "pending"]
    redeemed = detail["redemptions"][0]
    assert redeemed["license_id"] == sold["license_id"]
    assert (redeemed["base_price_sats"], redeemed["final_price_sats"]) == (10_000, price)
    told = [one for one in shop.events() if one.event_type == "code.redeemed"]
    assert len(told) == 1
    assert b"podcast" in told[0].body


@pytest.mark.defects("D15")
@pytest.mark.parametrize(("kind", "amount"), [("free_license", 0), ("percent", 10_000)])
def test_what_a_code_makes_free_is_given_at_once_without_a_provider(kind: str, amount: int) -> None:
    with running_shop(is_sandbox=False) as shop:
        shop.add_product(price_sats=10_000)
        code = add(shop, kind=kind, amount=amount, max_uses=1)
        bought = shop.buy(code="SAVE")
        assert (bought["amount_sats"], bought["checkout_url"]) == (0, "")
        assert (bought["base_price_sats"], bought["discount_applied_sats"]) == (10_000, 10_000)
        assert shop.validate(bought["license_key"])["ok"]
        assert used(shop, code) == 1
        again = shop.post("/v1/purchase", product="app", code="SAVE")
        assert (again.status_code, again.json()["code"]) == (400, "code_refused")
        assert used(shop, code) == 1
        assert len(shop.licenses()) == 1


@pytest.mark.defects("D14")
def test_what_costs_nothing_takes_no_code(shop: Shop) -> None:
    shop.add_policy("free", price_sats_override=0)
    shop.add_policy("trial", is_recurring=True, renewal_period_days=30, trial_days=7)
    code = add(shop)
    for tier in ("free", "trial"):
        bought = shop.buy(policy_slug=tier, code="SAVE")
        assert (bought["amount_sats"], bought["discount_applied_sats"]) == (0, 0)
        assert bought["license_key"]
    # A trial ignores a code entirely, also one there is not.
    assert shop.buy(policy_slug="trial", code="nonsense")["license_key"]
    assert used(shop, code) == 0


@pytest.mark.defects("D18")
def test_a_code_for_other_tiers_is_refused_also_when_no_tier_is_named(shop: Shop) -> None:
    for slug in ("default", "pro", "max"):
        shop.add_policy(slug)
    add(shop, product_slug="app", policy_slugs=["pro", "max"])
    gift = add(shop, "GIFT", "free_license", amount=0, product_slug="app", policy_slug="pro")
    for route, code in (("/v1/purchase", "SAVE"), ("/v1/redeem", "GIFT")):
        for named in ({}, {"policy_slug": "default"}):
            refused = shop.post(route, product="app", code=code, **named)
            assert (refused.status_code, refused.json()["code"]) == (400, "code_refused")
            assert "another tier" in refused.json()["message"]
        assert shop.post(route, product="app", code=code, policy_slug="pro").status_code == 200
    refused = shop.post("/v1/redeem", product="app", code="GIFT", policy_slug="max")
    assert refused.status_code == 400
    assert used(shop, gift) == 1


def test_why_a_code_does_not_apply_is_said_and_nothing_is_left_behind(shop: Shop) -> None:
    shop.add_product("other")
    add(shop, "OFF")
    off = add(shop, "OFF-NOW")
    shop.admin("PATCH", f"/discount-codes/{off['id']}/active", json={"active": False})
    add(shop, "OLD", expires_at=YESTERDAY)
    add(shop, "OTHER", product_slug="other")
    once = add(shop, "ONCE", max_uses=1)
    shop.buy(code="ONCE")
    for code, said in {
        "NONE": "no such discount code",
        "off-now": "switched off",
        "old": "expired",
        "OTHER": "another product",
        "ONCE": "as often as it may be",
        "X" * 65: "no such discount code",
    }.items():
        refused = shop.post("/v1/purchase", product="app", code=code)
        assert (refused.status_code, refused.json()["error"]) == (400, "bad_request")
        assert said in refused.json()["message"]
    assert used(shop, once) == 1
    assert len(shop.admin("GET", "/invoices")["invoices"]) == 1


def test_a_featured_code_is_applied_where_a_tier_is_named_and_no_code_typed(shop: Shop) -> None:
    shop.add_policy("pro")
    add(shop, "LAUNCH", "set_price", amount=4_000, featured=True, max_uses=2)
    add(shop, "WORSE", amount=100)
    assert shop.buy(policy_slug="pro")["amount_sats"] == 4_000
    assert shop.buy(policy_slug="pro", code=" ")["amount_sats"] == 4_000
    # It has run out now, which keeps nobody from buying.
    assert shop.buy(policy_slug="pro")["amount_sats"] == 10_000
    assert shop.buy()["amount_sats"] == 10_000
    assert shop.buy(policy_slug="pro", code="WORSE")["amount_sats"] == 9_900


def test_the_tier_list_shows_what_a_featured_code_leaves(shop: Shop) -> None:
    shop.add_policy("pro")
    shop.add_policy("free", price_sats_override=0)
    add(shop, "LAUNCH", "set_price", amount=4_000, featured=True, max_uses=5, description="Now")
    tiers = shop.client.get("/v1/products/app/policies").json()["policies"]
    by_slug = {tier["slug"]: tier["featured_discount"] for tier in tiers}
    assert by_slug["free"] is None
    assert by_slug["pro"] == {
        "code": "LAUNCH",
        "kind": "set_price",
        "description": "Now",
        "amount": 4_000,
        "expires_at": None,
        "max_uses": 5,
        "used_count": 0,
        "remaining_uses": 5,
        "discount_applied_sats": 6_000,
        "discounted_price_sats": 4_000,
    }
    assert shop.buy(policy_slug="pro")["amount_sats"] == by_slug["pro"]["discounted_price_sats"]


@pytest.mark.defects("D43")
def test_a_discount_is_for_the_first_cycle_unless_it_is_for_ever(shop: Shop) -> None:
    shop.add_policy("monthly", is_recurring=True, renewal_period_days=30)
    add(shop, "FIRST")
    add(shop, "ALWAYS", duration="forever")
    listed = []
    for code in ("FIRST", "ALWAYS"):
        assert shop.buy(policy_slug="monthly", code=code)["amount_sats"] == 7_500
        shop.sell(policy_slug="monthly", code=code)
        listed.append(shop.admin("GET", "/subscriptions")["subscriptions"][0]["listed_value"])
        shop.clock.turn(1)
    assert listed == [10_000, 7_500]


@pytest.mark.defects("D3")
@pytest.mark.parametrize("currency", ["SAT", "USD"])
def test_later_cycles_cost_what_was_listed_when_the_buyer_bought(currency: str) -> None:
    with running_shop() as shop:
        shop.pin_rate("USD", "50000")
        shop.add_product(price_currency=currency, price_value=10_000)
        tier = shop.add_policy("monthly", is_recurring=True, renewal_period_days=30)
        add(shop, "FIRST")
        add(shop, "ALWAYS", duration="forever")
        for code, expected in (("FIRST", 10_000), ("ALWAYS", 7_500)):
            bought = shop.buy(policy_slug="monthly", code=code)
            dearer = {"price_sats_override": 90_000}
            shop.admin("PATCH", f"/policies/{tier['id']}", json=dearer)
            shop.act(bought, PretendPayment.PAY)
            shop.deliver()
            shop.admin("PATCH", f"/policies/{tier['id']}", json={"price_sats_override": 10_000})
            newest = shop.admin("GET", "/subscriptions")["subscriptions"][0]
            assert (newest["listed_currency"], newest["listed_value"]) == (currency, expected)
            shop.clock.turn(1)


# --- redeeming ----------------------------------------------------------------------------------


def test_a_free_license_code_gives_a_license_for_each_use(shop: Shop) -> None:
    code = add(shop, "GIFT", "free_license", amount=0, max_uses=2)
    for _ in range(2):
        answer = shop.post("/v1/redeem", product="app", code=" gift ", buyer_email="a@example.com")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        given = answer.json()
        assert set(given) == {"license_id", "license_key", "invoice_id", "redemption_id"}
        assert shop.validate(given["license_key"])["ok"]
        assert shop.poll(given["invoice_id"])["license_key"] == given["license_key"]
    refused = shop.post("/v1/redeem", product="app", code="GIFT")
    assert (refused.status_code, refused.json()["code"]) == (400, "code_refused")
    redemptions = shop.admin("GET", f"/discount-codes/{code['id']}")["redemptions"]
    assert {(one["status"], one["final_price_sats"]) for one in redemptions} == {("redeemed", 0)}


def test_redeeming_checks_in_the_order_of_the_specification(shop: Shop) -> None:
    shop.add_product("off")
    off = shop.admin("GET", "/products?include_inactive=true")["products"]
    gone = next(one for one in off if one["slug"] == "off")
    shop.admin("PATCH", f"/products/{gone['id']}/active", json={"active": False})
    shop.add_policy("hidden")
    hidden = shop.admin("GET", "/policies?product_slug=app")["policies"][0]
    shop.admin("PATCH", f"/policies/{hidden['id']}/public", json={"public": False})
    add(shop, "PAID", expires_at=YESTERDAY)
    add(shop, "OLD", "free_license", amount=0, expires_at=YESTERDAY)
    add(shop, "GIFT", "free_license", amount=0)

    def said(**body: Any) -> tuple[int, str]:
        answer = shop.post("/v1/redeem", **body)
        return answer.status_code, answer.json()["message"]

    assert said(product="none", code="")[0] == 404
    assert said(product="off", code="")[0] == 400
    assert "code" in said(product="app", code=" ")[1]
    assert "no such discount code" in said(product="app", code="NONE")[1]
    # Pages in the field look for these words (public-api 7).
    assert "requires payment" in said(product="app", code="PAID")[1]
    assert "expired" in said(product="app", code="OLD", policy_slug="none")[1]
    assert said(product="app", code="GIFT", policy_slug="none")[0] == 404
    assert "not public" in said(product="app", code="GIFT", policy_slug="hidden")[1]
    assert shop.licenses() == []


def test_guessing_codes_is_limited() -> None:
    with running_shop() as shop:
        shop.add_product()
        statuses = [
            shop.client.get("/v1/discount-codes/preview?code=X&product=app").status_code
            for _ in range(20)
        ]
        assert statuses == [200] * 20
        refused = shop.client.get("/v1/discount-codes/preview?code=X&product=app")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        # Whoever asked so often may still redeem what was found, and no more often than that.
        statuses = [shop.post("/v1/redeem", product="app", code="X").status_code for _ in range(21)]
        assert statuses == [400] * 20 + [429]


# --- previews -----------------------------------------------------------------------------------


def preview(shop: Shop, **asked: str) -> Any:
    answer = shop.client.get("/v1/discount-codes/preview", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_preview_says_what_a_purchase_then_does(shop: Shop) -> None:
    code = add(shop, amount=1_250)
    assert preview(shop, code="save", product="app") == {
        "valid": True,
        "code": "SAVE",
        "kind": "percent",
        "is_free": False,
        "base_price_sats": 10_000,
        "discount_applied_sats": 1_250,
        "final_price_sats": 8_750,
        "amount_pct": 12.5,
        "message": "the code takes 1250 sats off",
        "price_currency": "SAT",
        "base_value": 10_000,
        "final_value": 8_750,
    }
    assert shop.buy(code="SAVE")["amount_sats"] == 8_750
    assert used(shop, code) == 1


@pytest.mark.defects("D16")
@pytest.mark.betters("B-19")
def test_a_preview_of_a_fiat_price_is_converted_as_a_purchase_is() -> None:
    with running_shop() as shop:
        shop.pin_rate("USD", "50000")
        shop.add_product(price_currency="USD", price_value=4_900)
        add(shop, "TEN", "fixed_sats", amount=1_000, discount_currency="USD")
        seen = preview(shop, code="TEN", product="app")
        assert (seen["base_price_sats"], seen["final_price_sats"]) == (98_000, 78_000)
        assert (seen["price_currency"], seen["base_value"], seen["final_value"]) == (
            "USD",
            4_900,
            3_900,
        )
        bought = shop.buy(code="TEN")
        assert bought["amount_sats"] == 78_000
        invoice = shop.invoice(bought["invoice_id"])
        assert (invoice.listed_value, invoice.base_price_sats) == (4_900, 98_000)


def test_a_preview_says_why_a_code_does_not_apply(shop: Shop) -> None:
    shop.add_policy("pro", price_sats_override=30_000)
    shop.add_policy("default")
    add(shop, "PRO", product_slug="app", policy_slug="pro")
    wrong = preview(shop, code="PRO", product="app")
    assert (wrong["valid"], wrong["reason"], wrong["base_price_sats"]) == (
        False,
        "wrong_tier",
        10_000,
    )
    assert set(wrong) == {"valid", "reason", "message", "base_price_sats"}
    assert preview(shop, code="PRO", product="app", policy_slug="pro")["valid"]
    # A tier that is not on sale is taken for none named.
    assert preview(shop, code="PRO", product="app", policy_slug="none")["reason"] == "wrong_tier"
    assert preview(shop, code="NONE", product="app")["reason"] == "unknown_code"
    free = add(shop, "GIFT", "free_license", amount=0, max_uses=1)
    seen = preview(shop, code="GIFT", product="app")
    assert (seen["is_free"], seen["final_price_sats"], seen["amount_pct"]) == (True, 0, None)
    shop.post("/v1/redeem", product="app", code="GIFT")
    assert preview(shop, code="GIFT", product="app")["reason"] == "exhausted"
    assert used(shop, free) == 1
    for query, status in {
        "code=X": 400,
        "product=app": 400,
        "code=%20&product=app": 400,
        "code=X&product=none": 404,
    }.items():
        answer = shop.client.get(f"/v1/discount-codes/preview?{query}")
        assert answer.status_code == status, query


def test_a_preview_of_a_trial_costs_nothing_as_the_purchase_does(shop: Shop) -> None:
    shop.add_policy("trial", is_recurring=True, renewal_period_days=30, trial_days=7)
    add(shop)
    assert preview(shop, code="SAVE", product="app", policy_slug="trial")["final_price_sats"] == 0
    assert shop.buy(policy_slug="trial", code="SAVE")["amount_sats"] == 0


def test_a_featured_code_of_a_fiat_tier_is_shown_in_the_unit_of_its_price() -> None:
    with running_shop() as shop:
        shop.pin_rate("USD", "50000")
        shop.add_product(price_currency="USD", price_value=4_900)
        shop.add_policy("pro")
        add(shop, "TEN", "fixed_sats", amount=1_000, discount_currency="USD", featured=True)
        (tier,) = shop.client.get("/v1/products/app/policies").json()["policies"]
        shown = tier["featured_discount"]
        assert tier["price_sats"] == 4_900
        assert (shown["discount_applied_sats"], shown["discounted_price_sats"]) == (1_000, 3_900)
        assert shop.buy(policy_slug="pro")["amount_sats"] == 78_000


def test_what_counts_against_the_cap_of_codes_is_told(shop: Shop) -> None:
    add(shop)
    off = add(shop, "OFF")
    shop.admin("PATCH", f"/discount-codes/{off['id']}/active", json={"active": False})
    assert shop.admin("GET", "/tier")["usage"]["active_codes"] == 1
