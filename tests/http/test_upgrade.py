"""Changes of tier by buyers over HTTP. Source: public-api 12, 3, 19 (rows 11 to 13)."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_core.errors import ProviderRefused, ProviderUnavailable
from keysat_core.ports.sandbox import PretendPayment
from keysat_http.reconciling import reconcile_invoices
from tests.support.http import PUBLIC_URL
from tests.support.shop import Shop, running_shop

QUOTE_FIELDS = {
    "from_policy_id",
    "from_policy_slug",
    "to_policy_id",
    "to_policy_slug",
    "direction",
    "listed_currency",
    "proration_charge_value",
    "effective_at",
    "next_renewal_charge",
    "next_renewal_period_days",
}
UPGRADE_FIELDS = {
    "invoice_id",
    "provider_invoice_id",
    "checkout_url",
    "amount_sats",
    "proration_charge_value",
    "listed_currency",
    "tier_change_id",
    "from_policy_slug",
    "to_policy_slug",
}
MONTHLY: dict[str, Any] = {"is_recurring": True, "renewal_period_days": 30}


def stock(shop: Shop) -> None:
    shop.add_product(price_currency="USD", price_value=2_500)
    shop.pin_rate("USD", "50000")
    shop.add_policy("basic", tier_rank=1, entitlements=["a", "b"])
    shop.add_policy("pro", tier_rank=2, price_sats_override=7_500, entitlements=["a", "c"])
    shop.add_policy("m1", tier_rank=11, price_sats_override=2_500, **MONTHLY)
    shop.add_policy("m2", tier_rank=12, price_sats_override=7_500, **MONTHLY)


@pytest.fixture
def ladder() -> Iterator[Shop]:
    with running_shop() as shop:
        stock(shop)
        yield shop


def quote(shop: Shop, key: str, slug: str, **fields: Any) -> Any:
    return shop.post("/v1/upgrade-quote", license_key=key, target_policy_slug=slug, **fields)


def upgrade(shop: Shop, key: str, slug: str, **fields: Any) -> Any:
    return shop.post("/v1/upgrade", license_key=key, target_policy_slug=slug, **fields)


def bought(shop: Shop, slug: str) -> dict[str, Any]:
    return shop.sell(policy_slug=slug, buyer_email="b@example.com")


def pay(shop: Shop, started: dict[str, Any]) -> None:
    shop.act({"btcpay_invoice_id": started["provider_invoice_id"]}, PretendPayment.PAY)
    shop.deliver()


def test_a_quote_has_the_published_shape(ladder: Shop) -> None:
    """Public-api 19, row 11."""
    told = quote(ladder, bought(ladder, "basic")["license_key"], "pro")
    assert told.status_code == 200
    body = told.json()
    assert body.keys() == QUOTE_FIELDS
    assert (body["proration_charge_value"], body["direction"]) == (5_000, "upgrade")
    assert (body["listed_currency"], body["effective_at"]) == ("USD", "immediate")
    assert (body["next_renewal_charge"], body["next_renewal_period_days"]) == (None, None)


def test_a_quote_of_a_running_cycle(ladder: Shop) -> None:
    key = bought(ladder, "m1")["license_key"]
    ladder.clock.turn(15 * 86_400 + 3_600)
    body = quote(ladder, key, "m2").json()
    assert body["proration_charge_value"] == 2_333
    assert (body["next_renewal_charge"], body["next_renewal_period_days"]) == (7_500, 30)


def test_a_quote_of_a_step_down_names_the_day(ladder: Shop) -> None:
    key = bought(ladder, "m2")["license_key"]
    body = quote(ladder, key, "m1").json()
    assert (body["direction"], body["proration_charge_value"]) == ("downgrade", 0)
    assert body["effective_at"] == "2027-02-14T08:00:00Z"


@pytest.mark.parametrize("path", ["/v1/upgrade-quote", "/v1/upgrade"])
def test_a_key_that_proves_nothing_is_401_and_an_unknown_tier_404(ladder: Shop, path: str) -> None:
    """Public-api 19, row 11: one and the same 401."""
    sold = bought(ladder, "basic")
    key = sold["license_key"]
    answers = [
        ladder.post(path, license_key=bad, target_policy_slug="pro")
        for bad in ("nonsense", key[:-2], "x" * 200_000)
    ]
    unknown = ladder.post(path, license_key=key, target_policy_slug="none")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")
    ladder.admin("POST", f"/licenses/{sold['license_id']}/suspend", json={"reason": ""})
    answers.append(ladder.post(path, license_key=key, target_policy_slug="pro"))
    assert {(one.status_code, one.json()["error"]) for one in answers} == {(401, "unauthorized")}
    assert len({one.content for one in answers}) == 1


def test_d19_private_and_archived_tiers_are_unknown_to_buyers(ladder: Shop) -> None:
    """D19: on both endpoints."""
    key = bought(ladder, "basic")["license_key"]
    hidden = ladder.add_policy("hidden", tier_rank=5)
    gone = ladder.add_policy("gone", tier_rank=6)
    ladder.admin("PATCH", f"/policies/{hidden['id']}/public", json={"public": False})
    ladder.admin("PATCH", f"/policies/{gone['id']}/archived", json={"archived": True})
    for slug in ("hidden", "gone"):
        assert quote(ladder, key, slug).status_code == 404
        assert upgrade(ladder, key, slug).status_code == 404


def test_a_perpetual_downgrade_is_admin_only(ladder: Shop) -> None:
    """Public-api 19, row 13."""
    key = bought(ladder, "pro")["license_key"]
    for answer in (quote(ladder, key, "basic"), upgrade(ladder, key, "basic")):
        assert answer.status_code == 400
        assert "admin-only" in answer.json()["message"]


def test_a_recurring_downgrade_at_once_is_forbidden(ladder: Shop) -> None:
    answer = upgrade(ladder, bought(ladder, "m2")["license_key"], "m1")
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


def test_an_upgrade_is_paid_and_changes_the_license(ladder: Shop) -> None:
    """Public-api 19, row 12; D4, D50."""
    sold = bought(ladder, "basic")
    answer = upgrade(ladder, sold["license_key"], "pro")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    started = answer.json()
    assert started.keys() >= UPGRADE_FIELDS
    assert (started["amount_sats"], started["proration_charge_value"]) == (100_000, 5_000)
    assert (started["from_policy_slug"], started["to_policy_slug"]) == ("basic", "pro")
    assert started["checkout_url"].startswith(PUBLIC_URL)
    assert ladder.poll(started["invoice_id"])["license_key"] is None
    assert ladder.validate(sold["license_key"])["entitlements"] == ["a", "b"]
    pay(ladder, started)
    reconcile_invoices(ladder.ports)
    polled = ladder.poll(started["invoice_id"])
    assert (polled["status"], polled["license_id"]) == ("settled", sold["license_id"])
    assert polled["license_key"] != sold["license_key"]
    for key in (polled["license_key"], sold["license_key"]):
        assert ladder.validate(key)["entitlements"] == ["a", "c"]
    assert len(ladder.licenses()) == 1
    assert ladder.audited("subscription.upgrade.applied") == 1


def test_d38_asking_again_gives_the_same_invoice_and_link(ladder: Shop) -> None:
    """D38."""
    key = bought(ladder, "basic")["license_key"]
    first = upgrade(ladder, key, "pro").json()
    assert upgrade(ladder, key, "pro").json() == first
    assert ladder.audited("subscription.upgrade.started") == 1


def test_a_downgrade_waits_for_the_next_cycle(ladder: Shop) -> None:
    """Decisions 16."""
    sold = bought(ladder, "m2")
    answer = upgrade(ladder, sold["license_key"], "m1", apply_at="next_cycle")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() >= UPGRADE_FIELDS
    assert (body["checkout_url"], body["invoice_id"], body["amount_sats"]) == ("", "", 0)
    assert body["effective_at"] == "2027-02-14T08:00:00Z"
    shown = ladder.admin("GET", f"/licenses/{sold['license_id']}")
    (waiting,) = shown["tier_changes"]
    assert (waiting["id"], waiting["applied_at"]) == (body["tier_change_id"], None)
    up = upgrade(ladder, bought(ladder, "m1")["license_key"], "m2", apply_at="next_cycle")
    assert up.status_code == 400
    assert upgrade(ladder, sold["license_key"], "m1", apply_at="some day").status_code == 400


def test_where_the_buyer_goes_afterwards(ladder: Shop) -> None:
    key = bought(ladder, "basic")["license_key"]
    refused = upgrade(ladder, key, "pro", redirect_url="javascript:1")
    assert refused.status_code == 400
    started = upgrade(ladder, key, "pro", redirect_url="").json()
    url = ladder.invoice(started["invoice_id"]).redirect_url
    assert url == f"{PUBLIC_URL}/thank-you?invoice_id={started['invoice_id']}"


def test_failures_of_others_are_502_and_a_refused_order_can_be_repeated(ladder: Shop) -> None:
    key = bought(ladder, "basic")["license_key"]
    ladder.providers.failure = ProviderRefused("create invoice", "auth")
    refused = upgrade(ladder, key, "pro")
    assert (refused.status_code, refused.json()["error"]) == (502, "upstream_error")
    ladder.providers.failure = ProviderUnavailable("create invoice", "timeout")
    assert upgrade(ladder, key, "pro").status_code == 502
    ladder.providers.failure = None
    assert upgrade(ladder, key, "pro").status_code == 409
    ladder.clock.turn(60)
    assert upgrade(ladder, key, "pro").status_code == 200


def test_without_a_rate_it_is_502_and_without_a_provider_503() -> None:
    with running_shop() as shop:
        shop.add_product(price_currency="EUR", price_value=2_500)
        shop.add_policy("basic", tier_rank=1)
        shop.add_policy("pro", tier_rank=2, price_sats_override=7_500)
        key = shop.issue(policy_slug="basic")["license_key"]
        answer = upgrade(shop, key, "pro")
        assert (answer.status_code, answer.json()["error"]) == (502, "upstream_error")
    with running_shop(is_sandbox=False) as shop:
        stock(shop)
        key = shop.issue(policy_slug="basic")["license_key"]
        answer = upgrade(shop, key, "pro")
        assert (answer.status_code, answer.json()["error"]) == (503, "btcpay_not_configured")


def test_quotes_and_upgrades_are_limited_by_address(ladder: Shop) -> None:
    """Public-api 3: 60 and 20 a minute."""
    for path, capacity in (("/v1/upgrade-quote", 60), ("/v1/upgrade", 20)):
        body = {"license_key": "x", "target_policy_slug": "pro"}
        statuses = [ladder.post(path, **body).status_code for _ in range(capacity + 1)]
        assert statuses == [401] * capacity + [429]
        denied = ladder.post(path, **body)
        assert int(denied.headers["retry-after"]) >= 1


def test_behind_a_proxy_that_hides_addresses_a_key_has_a_limit_of_its_own() -> None:
    with running_shop(trusted=["203.0.113.0/24"]) as shop:
        body = {"license_key": "x", "target_policy_slug": "pro"}
        statuses = [shop.post("/v1/upgrade", **body).status_code for _ in range(21)]
        assert statuses == [401] * 20 + [429]
        other = shop.post("/v1/upgrade", license_key="y", target_policy_slug="pro")
        assert other.status_code == 401
