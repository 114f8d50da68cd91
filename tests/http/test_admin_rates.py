"""Exchange rates over HTTP. Source: admin-api 2.17, B-41; payments 12, 17 rows 42-43, 18 rows 7-8."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.money import Currency
from tests.simulators.fault_plan import ANY, Answer
from tests.simulators.rates.fake import FakeRates
from tests.support.shop import Shop, running_shop

DOWN = Answer(status=503)


@pytest.fixture
def fake() -> FakeRates:
    return FakeRates()


@pytest.fixture
def market(fake: FakeRates) -> Iterator[Shop]:
    with running_shop(price_sources=fake) as shop:
        yield shop


def known(shop: Shop) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = shop.admin("GET", "/rates")["rates"]
    return listed


def refresh(shop: Shop, currency: object) -> Any:
    return shop.admin("POST", "/rates/refresh", ok=False, json={"currency": currency})


def audits(shop: Shop, action: str) -> list[AuditEntry]:
    with shop.ports.store.reading() as tx:
        return tx.trail.list_audit(action=action, limit=100)[::-1]


def sell(shop: Shop, *, currency: str = "USD") -> dict[str, Any]:
    shop.add_product("app", price_currency=currency, price_value=4_900)
    return shop.buy()


# --- what is known ------------------------------------------------------------------------------


def test_after_a_start_no_rate_is_known(market: Shop, fake: FakeRates) -> None:
    assert known(market) == []
    assert fake.asked() == []


def test_what_was_fetched_is_listed_with_its_age(market: Shop) -> None:
    sell(market)
    market.clock.turn(7)
    assert known(market) == [
        {"currency": "USD", "units_per_btc": 65000.1, "source": "kraken", "fetched_at_secs_ago": 7}
    ]


def test_a_pin_is_listed_and_used_without_asking_anybody(market: Shop, fake: FakeRates) -> None:
    market.pin_rate("USD", "50000")
    assert sell(market)["amount_sats"] == 98_000
    assert known(market) == [
        {"currency": "USD", "units_per_btc": 50000.0, "source": "manual_pin", "fetched_at_secs_ago": 0}
    ]  # fmt: skip
    assert fake.asked() == []


# --- refresh ------------------------------------------------------------------------------------


def test_a_refresh_asks_and_is_audited(market: Shop, fake: FakeRates) -> None:
    answer = refresh(market, "usd")
    assert answer.status_code == 200
    assert answer.json() == {"currency": "USD", "units_per_btc": 65000.1, "source": "kraken"}
    fake.say("66000")
    assert refresh(market, "USD").json()["units_per_btc"] == 66_000
    last = audits(market, "rate.refresh")[-1]
    assert (last.target_kind, last.target_id) == ("rate", "USD")
    assert last.details == {"currency": "USD", "source": "kraken", "units_per_btc": "66000"}


@pytest.mark.parametrize("code", ["BTC", "btc", "SAT", "sat"])
def test_bitcoin_is_worth_itself(market: Shop, fake: FakeRates, code: str) -> None:
    answer = refresh(market, code).json()
    assert answer == {
        "currency": code.upper(),
        "units_per_btc": 100_000_000.0,
        "source": "identity",
    }
    assert fake.asked() == []
    assert market.audited("rate.refresh") == 1


@pytest.mark.parametrize("code", ["GBP", "", "US", 5, None])
def test_another_currency_is_refused(market: Shop, code: object) -> None:
    answer = refresh(market, code)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert answer.json()["detail"][0]["field"] == "currency"


@pytest.mark.betters("B-41")
def test_a_refresh_that_fails_keeps_what_was_known_and_says_why(
    market: Shop, fake: FakeRates
) -> None:
    refresh(market, "USD")
    fake.faults.on_call(ANY, DOWN, count=None)
    answer = refresh(market, "USD")
    assert (answer.status_code, answer.json()["error"]) == (502, "upstream_error")
    assert answer.json()["message"].startswith("upstream error: rate fetch failed")
    assert "kraken: HTTP 503" in answer.json()["message"]
    assert [rate["units_per_btc"] for rate in known(market)] == [65000.1]
    assert market.audited("rate.refresh") == 1


def test_scopes_are_kept_apart() -> None:
    scoped = {"authorization": "Bearer scoped"}
    with running_shop(scopes=frozenset({Scope.RATES_READ}), price_sources=FakeRates()) as shop:
        get = shop.client.get("/v1/admin/rates", headers=scoped)
        post = shop.client.post("/v1/admin/rates/refresh", headers=scoped, json={"currency": "USD"})
        put = shop.client.put(
            "/v1/admin/rates/pin", headers=scoped, json={"currency": "USD", "units_per_btc": 5}
        )
        assert (get.status_code, post.status_code, put.status_code) == (200, 403, 403)


# --- pins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", ["50000.50", 50000.5])
def test_a_rate_is_pinned_and_freed(market: Shop, units: object) -> None:
    pinned = market.admin("PUT", "/rates/pin", json={"currency": "usd", "units_per_btc": units})
    assert pinned == {"rates": known(market)}
    assert [(rate["units_per_btc"], rate["source"]) for rate in known(market)] == [
        (50000.5, "manual_pin")
    ]
    freed = market.admin("PUT", "/rates/pin", json={"currency": "USD", "units_per_btc": None})
    assert freed == {"rates": []}
    assert audits(market, "rate.pin")[-1].details["units_per_btc"] is None
    assert audits(market, "rate.pin")[-1].details["after"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"currency": "USD", "units_per_btc": 0},
        {"currency": "USD", "units_per_btc": -5},
        {"currency": "USD", "units_per_btc": "NaN"},
        {"currency": "USD", "units_per_btc": "1e999999999"},
        {"currency": "USD", "units_per_btc": "six"},
        {"currency": "USD", "units_per_btc": True},
        {"currency": "USD"},
        {"units_per_btc": 5},
        {"currency": "SAT", "units_per_btc": 5},
        {"currency": "BTC", "units_per_btc": 5},
    ],
)
def test_a_pin_that_is_no_rate_is_refused(market: Shop, body: dict[str, object]) -> None:
    answer = market.admin("PUT", "/rates/pin", ok=False, json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert known(market) == []


# --- selling in dollars and euros ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "sats", "centibps"),
    [("USD", 75_384, 650_001_000), ("EUR", 81_499, 601_234_500)],
)
def test_a_sale_in_fiat_keeps_what_it_was_quoted_by(
    market: Shop, currency: str, sats: int, centibps: int
) -> None:
    purchase = sell(market, currency=currency)
    assert purchase["amount_sats"] == sats
    invoice = market.invoice(purchase["invoice_id"])
    assert (
        invoice.listed_currency,
        invoice.listed_value,
        invoice.exchange_rate_centibps,
        invoice.exchange_rate_source,
        invoice.amount_sats,
        invoice.base_price_sats,
    ) == (Currency(currency), 4_900, centibps, "kraken", sats, sats)


def test_a_sale_in_sats_keeps_none_of_it_and_asks_nobody(market: Shop, fake: FakeRates) -> None:
    market.add_product("app", price_sats=50_000)
    invoice = market.invoice(market.buy()["invoice_id"])
    assert (
        invoice.listed_currency,
        invoice.listed_value,
        invoice.exchange_rate_centibps,
        invoice.exchange_rate_source,
    ) == (None, None, None, None)
    assert fake.asked() == []


def test_a_price_of_nothing_asks_nobody(market: Shop, fake: FakeRates) -> None:
    market.add_product("app", price_currency="USD", price_value=4_900)
    market.add_policy("free", price_sats_override=0)
    assert market.buy(policy_slug="free")["license_key"]
    assert fake.asked() == []


@pytest.mark.parametrize(
    ("down", "source"), [(["kraken"], "coinbase"), (["kraken", "coinbase"], "coingecko")]
)
@pytest.mark.rows(42)
def test_42_the_next_source_sells(
    market: Shop, fake: FakeRates, down: list[str], source: str
) -> None:
    for name in down:
        fake.faults.on_call(name, DOWN)
    purchase = sell(market)
    assert market.invoice(purchase["invoice_id"]).exchange_rate_source == source
    fake.check()


@pytest.mark.rows(42)
def test_42_when_all_are_down_nothing_is_sold_or_stored(market: Shop, fake: FakeRates) -> None:
    fake.faults.on_call(ANY, DOWN, count=3)
    market.add_product("app", price_currency="USD", price_value=4_900)
    answer = market.post("/v1/purchase", product="app")
    assert (answer.status_code, answer.json()["error"]) == (502, "upstream_error")
    assert answer.json()["message"].startswith("upstream error: rate fetch failed")
    assert "kraken" not in answer.json()["message"]
    assert market.audited("invoice.open") == 0
    assert market.buy()["amount_sats"] == 75_384


@pytest.mark.rows(42)
def test_42_a_rate_of_ten_minutes_sells_under_its_plain_name(market: Shop, fake: FakeRates) -> None:
    sell(market)
    fake.faults.on_call(ANY, DOWN, count=None)
    market.clock.turn(600)
    purchase = market.buy()
    assert market.invoice(purchase["invoice_id"]).exchange_rate_source == "kraken"
    market.clock.turn(1)
    assert market.post("/v1/purchase", product="app").status_code == 502


@pytest.mark.rows(43)
def test_43_an_outlier_sells_nothing_and_is_audited(market: Shop, fake: FakeRates) -> None:
    sell(market)
    market.clock.turn(60)
    fake.say("650001", "kraken")
    for name in ("coinbase", "coingecko"):
        fake.faults.on_call(name, DOWN)
    assert market.post("/v1/purchase", product="app").status_code == 502
    (entry,) = audits(market, "rate.outlier")
    assert (entry.actor_kind, entry.target_kind, entry.target_id) == ("system", "rate", "USD")
    assert entry.details == {
        "currency": "USD",
        "outliers": {"kraken": "650001"},
        "previous": "65000.10",
        "believed": None,
    }
    purchase = market.buy()
    assert market.invoice(purchase["invoice_id"]).exchange_rate_source == "coinbase"


def test_a_refused_request_was_not_remembered_under_its_key(market: Shop, fake: FakeRates) -> None:
    market.add_product("app", price_currency="USD", price_value=4_900)
    fake.faults.on_call(ANY, DOWN, count=3)
    headers = {"idempotency-key": "a-key-of-enough-letters"}
    first = market.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    second = market.client.post("/v1/purchase", json={"product": "app"}, headers=headers)
    assert (first.status_code, second.status_code) == (502, 200)


# --- currencies of products ---------------------------------------------------------------------


@pytest.mark.parametrize("code", ["USD", "eur", "SAT"])
def test_a_product_may_be_priced_in_each_currency(shop: Shop, code: str) -> None:
    product = shop.add_product("x", price_currency=code, price_value=4_900)
    assert (product["price_currency"], product["price_value"]) == (code.upper(), 4_900)
    assert product["price_sats"] == (4_900 if code == "SAT" else 0)


@pytest.mark.parametrize("code", ["BTC", "btc", "GBP", "XBT", "", "USDT"])
def test_no_product_is_priced_in_another(shop: Shop, code: str) -> None:
    body = {"slug": "x", "name": "X", "price_currency": code, "price_value": 1}
    answer = shop.admin("POST", "/products", ok=False, json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert answer.json()["detail"][0]["field"] == "price_currency"
