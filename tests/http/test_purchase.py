"""Buying, up to the checkout. Source: public-api 6; decisions 2-4."""

from threading import Event

import pytest

from keysat_core.errors import ProviderRefused, ProviderUnavailable
from keysat_core.limits import PURCHASE_DEADLINE_SECONDS
from tests.support.http import PUBLIC_URL
from tests.support.shop import Shop, running_shop

DAY = 86_400


def test_a_purchase_gives_a_checkout_and_no_key(shop: Shop) -> None:
    shop.add_product(price_sats=50_000)
    purchase = shop.buy()
    invoice_id = purchase["invoice_id"]
    assert purchase == {
        "invoice_id": invoice_id,
        "btcpay_invoice_id": purchase["btcpay_invoice_id"],
        "checkout_url": f"{PUBLIC_URL}/sandbox/checkout/{purchase['btcpay_invoice_id']}",
        "amount_sats": 50_000,
        "base_price_sats": 50_000,
        "discount_applied_sats": 0,
        "poll_url": f"{PUBLIC_URL}/v1/purchase/{invoice_id}",
    }
    assert shop.licenses() == []


def test_an_open_purchase_polls_as_pending(shop: Shop) -> None:
    product = shop.add_product()
    purchase = shop.buy()
    assert shop.poll(purchase["invoice_id"]) == {
        "invoice_id": purchase["invoice_id"],
        "product_id": product["id"],
        "status": "pending",
        "amount_sats": 50_000,
        "license_key": None,
        "license_id": None,
    }


def test_a_free_tier_gives_its_key_at_once(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("free", price_sats_override=0)
    purchase = shop.buy(policy_slug="free")
    assert purchase["checkout_url"] == ""
    assert purchase["amount_sats"] == 0
    assert purchase["btcpay_invoice_id"] == f"free-{purchase['invoice_id']}"
    assert shop.validate(purchase["license_key"])["license_id"] == purchase["license_id"]
    assert shop.poll(purchase["invoice_id"])["status"] == "settled"
    assert shop.poll(purchase["invoice_id"])["license_key"] == purchase["license_key"]


def test_a_free_tier_needs_no_provider() -> None:
    with running_shop(is_sandbox=False) as shop:
        shop.add_product()
        shop.add_policy("free", price_sats_override=0)
        assert shop.buy(policy_slug="free")["license_key"]


def test_a_trial_gives_a_license_that_ends_with_the_trial(shop: Shop) -> None:
    shop.add_product(price_sats=50_000)
    shop.add_policy("sub", is_recurring=True, renewal_period_days=30, trial_days=14)
    purchase = shop.buy(policy_slug="sub", code="WHATEVER")
    assert (purchase["amount_sats"], purchase["base_price_sats"]) == (0, 50_000)
    license = shop.license(purchase["license_id"])
    assert license.is_trial
    assert license.expires_at == shop.clock.now() + 14 * DAY
    assert shop.validate(purchase["license_key"])["is_trial"] is True


def test_a_fiat_purchase_keeps_the_price_the_buyer_saw(shop: Shop) -> None:
    shop.add_product(price_currency="USD", price_value=4_900)
    shop.pin_rate("USD", "50000")
    purchase = shop.buy()
    assert (purchase["amount_sats"], purchase["base_price_sats"]) == (98_000, 98_000)
    invoice = shop.invoice(purchase["invoice_id"])
    assert invoice.listed_currency == "USD"
    assert invoice.listed_value == 4_900
    assert invoice.exchange_rate_centibps == 500_000_000
    assert invoice.exchange_rate_source == "manual_pin"


def test_a_fiat_override_counts_cents(shop: Shop) -> None:
    shop.add_product(price_currency="USD", price_value=4_900)
    shop.add_policy("pro", price_sats_override=9_800)
    shop.pin_rate("USD", "50000")
    assert shop.buy(policy_slug="pro")["amount_sats"] == 196_000


def test_without_a_rate_nothing_is_sold_or_stored(shop: Shop) -> None:
    shop.add_product(price_currency="USD", price_value=4_900)
    response = shop.post("/v1/purchase", product="app")
    assert (response.status_code, response.json()["error"]) == (502, "upstream_error")
    assert shop.audited("invoice.open") == 0


def test_a_purchase_without_a_tier_takes_the_default_one(shop: Shop) -> None:
    shop.add_product(price_sats=50_000)
    shop.add_policy("cheap", price_sats_override=10)
    shop.add_policy("default", price_sats_override=20_000, max_machines=3)
    purchase = shop.buy()
    assert purchase["amount_sats"] == 20_000
    assert shop.invoice(purchase["invoice_id"]).policy_id is not None


def test_a_product_without_tiers_sells_one_perpetual_seat(shop: Shop) -> None:
    shop.add_product()
    sold = shop.sell()
    license = shop.license(sold["license_id"])
    assert (license.policy_id, license.expires_at, license.max_machines) == (None, None, 1)


@pytest.mark.defects("D19")
@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        pytest.param({"product": "nope"}, 404, "not_found", id="unknown product"),
        pytest.param({"product": "off"}, 400, "product_inactive", id="product off sale"),
        pytest.param({"policy_slug": "nope"}, 404, "not_found", id="unknown tier"),
        pytest.param({"policy_slug": "inactive"}, 400, "policy_unavailable", id="inactive tier"),
        pytest.param({"policy_slug": "hidden"}, 400, "policy_unavailable", id="hidden tier"),
        pytest.param({"policy_slug": "archived"}, 400, "policy_unavailable", id="archived tier"),
        pytest.param({"code": "save10"}, 400, "code_refused", id="unknown code"),
    ],
)
def test_what_is_not_for_sale_is_refused(
    shop: Shop, fields: dict[str, str], status: int, code: str
) -> None:
    shop.add_product()
    off = shop.add_product("off")
    shop.admin("PATCH", f"/products/{off['id']}/active", json={"active": False})
    for slug, switch, value in (
        ("inactive", "active", False),
        ("hidden", "public", False),
        ("archived", "archived", True),
    ):
        policy = shop.add_policy(slug)
        shop.admin("PATCH", f"/policies/{policy['id']}/{switch}", json={switch: value})
    response = shop.post("/v1/purchase", **({"product": "app"} | fields))
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_shop_without_a_provider_refuses_a_paid_purchase() -> None:
    with running_shop(is_sandbox=False) as shop:
        shop.add_product()
        response = shop.post("/v1/purchase", product="app")
        assert (response.status_code, response.json()["code"]) == (400, "no_provider")


def test_a_code_on_a_free_tier_is_ignored(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("free", price_sats_override=0)
    assert shop.buy(policy_slug="free", code="SAVE10")["amount_sats"] == 0


def test_blank_options_are_absent(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy(policy_slug="", code="  ", redirect_url="", buyer_email=" ", rail="")
    invoice = shop.invoice(purchase["invoice_id"])
    assert invoice.buyer_email is None
    assert invoice.redirect_url == f"{PUBLIC_URL}/thank-you?invoice_id={invoice.id}"


def test_the_buyer_comes_back_where_the_caller_said(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy(redirect_url="myapp://done?a={invoice_id}")
    assert shop.invoice(purchase["invoice_id"]).redirect_url == "myapp://done?a={invoice_id}"


def test_email_and_note_are_trimmed_and_kept(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy(buyer_email="  not an email ", buyer_note=" hello ")
    invoice = shop.invoice(purchase["invoice_id"])
    assert (invoice.buyer_email, invoice.buyer_note) == ("not an email", "hello")


def test_an_unknown_rail_is_ignored(shop: Shop) -> None:
    shop.add_product()
    assert shop.buy(rail="carrier-pigeon")["checkout_url"]


def test_the_same_idempotency_key_gives_the_same_purchase(shop: Shop) -> None:
    shop.add_product()
    body = {"product": "app", "buyer_email": "a@example.com"}
    headers = {"idempotency-key": "order-7-of-one-buyer"}
    first = shop.client.post("/v1/purchase", json=body, headers=headers)
    second = shop.client.post("/v1/purchase", json=body, headers=headers)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert shop.audited("invoice.open") == 1


def test_a_free_purchase_repeats_its_key_to_the_same_idempotency_key(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("free", price_sats_override=0)
    headers = {"idempotency-key": "order-8-of-one-buyer"}
    answers = [
        shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(shop.licenses()) == 1


def test_a_short_idempotency_key_is_refused_because_two_buyers_might_choose_it(shop: Shop) -> None:
    shop.add_product()
    headers = {"idempotency-key": "1"}
    response = shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")
    assert response.json()["detail"][0]["field"] == "Idempotency-Key"


def test_an_idempotency_key_with_another_body_is_a_conflict(shop: Shop) -> None:
    shop.add_product()
    headers = {"idempotency-key": "order-9-of-one-buyer"}
    shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    response = shop.client.post(
        "/v1/purchase", json={"product": "app", "buyer_note": "other"}, headers=headers
    )
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_reused")


def test_without_an_idempotency_key_each_call_opens_a_purchase(shop: Shop) -> None:
    shop.add_product()
    assert shop.buy()["invoice_id"] != shop.buy()["invoice_id"]


def test_an_idempotency_key_is_forgotten_after_a_day(shop: Shop) -> None:
    shop.add_product()
    headers = {"idempotency-key": "order-10-of-one-buyer"}
    body = {"product": "app"}
    first = shop.client.post("/v1/purchase", json=body, headers=headers).json()
    shop.clock.turn(DAY)
    second = shop.client.post("/v1/purchase", json=body, headers=headers).json()
    assert first["invoice_id"] != second["invoice_id"]


def test_a_refusal_of_the_provider_reserves_nothing(shop: Shop) -> None:
    shop.add_product()
    shop.providers.failure = ProviderRefused("create invoice", "auth", "secret detail")
    headers = {"idempotency-key": "order-11-of-one-buyer"}
    response = shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    assert (response.status_code, response.json()["error"]) == (502, "upstream_error")
    assert "secret detail" not in response.text
    assert shop.audited("invoice.create_refused") == 1
    shop.providers.failure = None
    again = shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    assert again.json()["checkout_url"]


def test_an_unknown_outcome_leaves_the_purchase_open_for_a_retry(shop: Shop) -> None:
    shop.add_product()
    shop.providers.failure = ProviderUnavailable("create invoice", "timeout")
    headers = {"idempotency-key": "order-12-of-one-buyer"}
    first = shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    assert first.status_code == 502
    shop.providers.failure = None
    hasty = shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    assert (hasty.status_code, hasty.json()["code"]) == (409, "request_in_flight")
    assert hasty.headers["retry-after"] == "2"
    shop.clock.turn(PURCHASE_DEADLINE_SECONDS)
    again = shop.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    assert again.status_code == 200
    assert shop.audited("invoice.open") == 1


def test_a_provider_that_hangs_meets_the_deadline() -> None:
    with running_shop(purchase_seconds=0.05) as shop:
        shop.add_product()
        shop.providers.gate = Event()
        try:
            response = shop.post("/v1/purchase", product="app")
            assert (response.status_code, response.json()["error"]) == (502, "upstream_error")
        finally:
            shop.providers.gate.set()


def test_a_provider_that_hangs_does_not_stop_validation() -> None:
    with running_shop(purchase_seconds=0.01) as shop:
        shop.add_product()
        key = shop.issue()["license_key"]
        shop.providers.gate = Event()
        try:
            for _ in range(20):
                assert shop.post("/v1/purchase", product="app").status_code == 502
            assert shop.validate(key, fingerprint="m")["ok"] is True
        finally:
            shop.providers.gate.set()


def test_answers_that_may_carry_a_key_are_not_cached(shop: Shop) -> None:
    shop.add_product()
    bought = shop.post("/v1/purchase", product="app")
    polled = shop.client.get(f"/v1/purchase/{bought.json()['invoice_id']}")
    refused = shop.post("/v1/purchase", product="nope")
    assert {r.headers["cache-control"] for r in (bought, polled, refused)} == {"no-store"}


def test_an_unknown_purchase_is_not_found(shop: Shop) -> None:
    response = shop.client.get("/v1/purchase/00000000-0000-4000-8000-000000000000")
    assert (response.status_code, response.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("action", ["suspend", "revoke"])
def test_a_license_that_was_taken_away_keeps_its_id_and_loses_its_key(
    shop: Shop, action: str
) -> None:
    shop.add_product()
    sold = shop.sell()
    shop.admin("POST", f"/licenses/{sold['license_id']}/{action}", json={})
    polled = shop.poll(sold["invoice_id"])
    assert (polled["license_key"], polled["license_id"]) == (None, sold["license_id"])


def test_an_expired_license_keeps_its_key(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("day", duration_seconds=DAY)
    sold = shop.sell(policy_slug="day")
    shop.clock.turn(3 * DAY)
    assert shop.poll(sold["invoice_id"])["license_key"] == sold["license_key"]


def test_purchases_of_one_address_are_limited() -> None:
    with running_shop(peer="1.2.3.4") as shop:
        shop.add_product()
        shop.add_policy("free", price_sats_override=0)
        statuses = [shop.post("/v1/purchase", product="app").status_code for _ in range(21)]
        assert statuses == [200] * 20 + [429]
        refused = shop.post("/v1/purchase", product="app")
        assert (refused.json()["error"], refused.headers["retry-after"]) == ("rate_limited", "3")
        shop.clock.turn(3)
        assert shop.post("/v1/purchase", product="app").status_code == 200


def test_waiting_clients_may_poll_more_than_120_times_a_minute() -> None:
    with running_shop(peer="1.2.3.4") as shop:
        shop.add_product()
        path = f"/v1/purchase/{shop.buy()['invoice_id']}"
        assert {shop.client.get(path).status_code for _ in range(150)} == {200}


def test_a_private_default_tier_is_what_a_purchase_without_a_tier_gets(shop: Shop) -> None:
    shop.add_product()
    policy = shop.add_policy("default", price_sats_override=7)
    shop.admin("PATCH", f"/policies/{policy['id']}/public", json={"public": False})
    purchase = shop.buy()
    assert purchase["amount_sats"] == 7
    assert shop.invoice(purchase["invoice_id"]).policy_id == policy["id"]


def test_waiting_buyers_behind_one_address_do_not_lock_each_other_out() -> None:
    """A hidden address is everybody's, and a waiting client gives up at its first 429."""
    with running_shop(peer="127.0.0.1") as shop:
        shop.add_product()
        purchase = shop.buy()
        polls = [shop.client.get(f"/v1/purchase/{purchase['invoice_id']}") for _ in range(400)]
        assert {poll.status_code for poll in polls} == {200}


def test_an_over_long_code_is_an_unknown_one_and_ignored_where_codes_are(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("free", price_sats_override=0)
    shop.add_policy("paid")
    code = "X" * 65
    assert shop.buy(policy_slug="free", code=code)["license_key"]
    assert shop.post("/v1/purchase", product="nothing", code=code).status_code == 404
    refused = shop.post("/v1/purchase", product="app", policy_slug="paid", code=code)
    assert (refused.status_code, refused.json()["code"]) == (400, "code_refused")
