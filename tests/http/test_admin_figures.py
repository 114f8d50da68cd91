"""The figures of a shop and the search, as the admin API tells them."""

from typing import Any

import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.figures import (
    Days,
    LicenseDay,
    RecurringPrice,
    Sum,
    active_by_day,
    monthly,
    total_sats,
)
from keysat_core.domain.money import Currency
from keysat_core.domain.search import read_needle
from keysat_core.errors import InvariantError, StoreUnavailable
from keysat_core.limits import KEY_CHARS_MAX
from keysat_core.testing.actors import OPERATOR
from keysat_core.use_cases.server.show_figures import show_figures
from tests.support.http import ADMIN, ListedValidations
from tests.support.shop import Shop, running_shop

DAY = 86_400


def figures(shop: Shop, **query: Any) -> Any:
    return shop.admin("GET", "/figures", params=query)


def sold_shop(shop: Shop) -> None:
    """Sell something yesterday and today, and a monthly tier for dollars."""
    shop.pin_rate("USD", "50000")
    shop.add_product("app")
    shop.add_product("extra", price_sats=7_000)
    monthly_tier: dict[str, Any] = {"is_recurring": True, "renewal_period_days": 30}
    shop.add_product("club", price_currency="USD", price_value=900)
    shop.add_policy("monthly", product="club", **monthly_tier)
    shop.sell("app")
    shop.clock.turn(DAY)
    shop.sell("app")
    shop.sell("extra")
    shop.sell("club", policy_slug="monthly", buyer_email="Grace@x.example")
    shop.validate(shop.issue("app")["license_key"])
    shop.validate("LIC1-AAAA-BBBB")


def test_the_figures_add_up_what_was_sold_and_validated() -> None:
    with running_shop() as shop:
        sold_shop(shop)
        told = figures(shop, days=7)
        assert len(told["days"]) == 7
        assert told["days"][-1] == told["until"][:10]
        revenue = told["revenue"]
        assert [one["product_slug"] for one in revenue["products"]] == ["app", "club", "extra"]
        assert revenue["products"][0]["sats_by_day"] == [0, 0, 0, 0, 0, 50_000, 50_000]
        assert revenue["total_sats"] == shop.admin("GET", "/revenue/summary")["total_sats"]
        assert revenue["settled_paid_invoice_count"] == 4
        assert told["licenses"]["active"] == 5
        assert told["licenses"]["active_by_day"] == [0, 0, 0, 0, 0, 1, 5]
        assert sum(told["licenses"]["by_product"].values()) == 5
        results = {one["result"]: one["by_day"][-1] for one in told["validations"]}
        assert results == {"ok": 1, "bad_format": 1}
        assert told["validations"][0]["result"] == "ok"
        due = {"currency": "USD", "subscription_count": 1, "amount": 900, "amount_sats": 18_000}
        assert told["monthly"] == {"total_sats": 18_000, "sums": [due]}
        assert told["churn"]["live"] == 1
        assert (told["churn"]["live_at_start"], told["churn"]["churn_bps"]) == (0, None)
        assert told["renewals"]["subscription_count"] == 0
        assert [one["currency"] for one in told["rates"]] == ["USD"]
        shop.clock.turn(DAY)
        ahead = figures(shop)["renewals"]
        assert (ahead["sums"], ahead["total_sats"]) == ([due], 18_000)
        assert [one["subscription_count"] for one in ahead["by_day"]] == [1]


def test_without_a_rate_sats_are_left_out_and_that_is_said() -> None:
    with running_shop() as shop:
        sold_shop(shop)
        shop.admin("PUT", "/rates/pin", json={"currency": "USD", "units_per_btc": None})
        told = figures(shop)
        assert told["unrated"] == ["USD"]
        assert told["monthly"]["total_sats"] is None
        assert told["monthly"]["sums"][0]["amount"] == 900


def test_what_ended_is_churn() -> None:
    with running_shop() as shop:
        sold_shop(shop)
        shop.clock.turn(40 * DAY)
        (subscription,) = shop.admin("GET", "/subscriptions")["subscriptions"]
        shop.admin("POST", f"/subscriptions/{subscription['id']}/cancel", json={})
        churn = figures(shop)["churn"]
        assert (churn["ended"], churn["live_at_start"], churn["live"]) == (1, 1, 0)
        assert churn["churn_bps"] == 10_000


@pytest.mark.parametrize("days", [0, 8, 366, -7])
def test_figures_are_given_for_some_spans_only(days: int) -> None:
    with running_shop() as shop:
        answer = shop.admin("GET", f"/figures?days={days}", ok=False)
        assert answer.status_code == 400
        assert "7, 30, 90 or 365" in answer.json()["message"]


class BrokenLog(ListedValidations):
    """A validation log whose file is damaged."""

    def daily_counts(self, first_day: int, end_day: int) -> list[Any]:
        raise StoreUnavailable(f"{first_day} {end_day}")


def test_a_log_that_cannot_be_read_hides_no_other_figure() -> None:
    with running_shop() as shop:
        sold_shop(shop)
        shown = show_figures(
            OPERATOR,
            days=7,
            store=shop.ports.store,
            validations=BrokenLog(),
            rates=shop.ports.rates,
            clock=shop.clock,
        )
        assert shown.validations is None
        assert shown.active_licenses == 5


def test_the_past_is_worked_out_from_the_present() -> None:
    changes = [LicenseDay(10, 5, 0), LicenseDay(12, 1, 2)]
    assert active_by_day(Days(9, 13), changes, 7) == (3, 8, 8, 7)


def test_prices_are_normalized_to_thirty_days() -> None:
    prices = [
        RecurringPrice(Currency.SAT, 365, 2, 1_000),
        RecurringPrice(Currency.SAT, 7, 1, 100),
    ]
    assert monthly(prices, {}) == [Sum(Currency.SAT, 3, round(82.19 + 428.57), 511)]
    assert total_sats(monthly(prices, {})) == 511
    assert total_sats([Sum(Currency.EUR, 1, 1, None)]) is None


# --- search -------------------------------------------------------------------------------------


def kinds(found: Any) -> list[str]:
    return [hit["kind"] for hit in found["hits"]]


def test_anything_is_found_by_a_piece_of_it() -> None:
    with running_shop() as shop:
        sold_shop(shop)
        issued = shop.issue("app", buyer_email="Ada@x.example", max_machines=2)
        shop.validate(issued["license_key"], fingerprint="disk", hostname="attic")
        shop.admin(
            "POST", "/discount-codes", json={"code": "APRIL", "kind": "percent", "amount": 1}
        )
        shop.admin("POST", "/webhook-endpoints", json={"url": "https://hooks.example/App"})

        def find(text: str) -> Any:
            return shop.admin("GET", "/search", params={"q": text})

        for text in (issued["license_id"], issued["license_key"], issued["license_id"][:8].upper()):
            (hit,) = find(text)["hits"]
            assert (hit["kind"], hit["id"]) == ("license", issued["license_id"])
        assert kinds(find("a")) == ["buyer", "machine", "code", "product", "webhook_endpoint"]
        assert kinds(find("app")) == ["product", "webhook_endpoint"]
        assert kinds(find("disk")) == ["machine"]
        assert kinds(find("month")) == ["policy"]
        (bought,) = (hit for hit in find("grace@")["hits"])
        assert bought["id"] == "grace@x.example"
        invoice = shop.admin("GET", "/invoices")["invoices"][0]
        for text in (invoice["id"], invoice["id"][:13]):
            assert [hit["id"] for hit in find(text)["hits"]] == [invoice["id"]]
        endpoint = shop.admin("GET", "/webhook-endpoints")["endpoints"][0]["id"]
        assert kinds(find(endpoint[:8])) == ["webhook_endpoint"]
        for text in ("", "  ", "nothing like it", "LIC1-AAAA-BBBB", "x" * 5_000, "%", "_"):
            assert find(text) == {"q": text, "hits": [], "full": []}


def test_of_each_kind_a_few_are_found_and_that_there_may_be_more_is_said() -> None:
    with running_shop() as shop:
        for number in range(9):
            shop.add_product(f"app-{number}")
        found = shop.admin("GET", "/search", params={"q": "app"})
        assert len(found["hits"]) == 8
        assert found["full"] == ["product"]


def test_a_search_shows_only_what_the_credential_may_list() -> None:
    seen = frozenset({Scope.LICENSES_READ, Scope.PRODUCTS_READ})
    with running_shop(scopes=seen) as shop:
        shop.add_product("alpha")
        shop.issue("alpha", buyer_email="al@x.example")
        shop.admin("POST", "/discount-codes", json={"code": "ALL", "kind": "percent", "amount": 1})
        path = "/v1/admin/search?q=al"
        everything = shop.client.get(path, headers=ADMIN).json()
        assert kinds(everything) == ["buyer", "code", "product"]
        some = shop.client.get(path, headers={"authorization": "Bearer scoped"}).json()
        assert kinds(some) == ["buyer", "product"]


def test_what_is_no_text_or_longer_than_any_key_is_refused() -> None:
    for text in ("a\0b", "\ud800", "x" * (KEY_CHARS_MAX + 1)):
        with pytest.raises(InvariantError, match="q"):
            read_needle(text)
