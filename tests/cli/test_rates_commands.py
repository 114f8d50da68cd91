"""``keysat rates``: what a bitcoin costs, beside the server or without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.fault_plan import ANY, Answer
from tests.simulators.rates.fake import SOURCES, FakeRates
from tests.simulators.server import serving
from tests.support.live_server import live_server
from tests.support.program import Program, shop_with_a_tier

PIN = {
    "currency": "USD",
    "units_per_btc": 65000.5,
    "source": "manual_pin",
    "fetched_at_secs_ago": 0,
}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A shop whose sources are never reached, as on a machine without a network."""
    shop = shop_with_a_tier(tmp_path)
    shop.variables["KEYSAT_RATE_SOURCES"] = ",".join(
        f"{name}=http://127.0.0.1:1" for name in SOURCES
    )
    return shop


@pytest.fixture
def fake() -> FakeRates:
    return FakeRates()


@pytest.fixture
def online(program: Program, fake: FakeRates) -> Iterator[Program]:
    """The same shop, with sources that answer."""
    with serving(fake) as url:
        program.variables["KEYSAT_RATE_SOURCES"] = ",".join(f"{name}={url}" for name in SOURCES)
        yield program


@pytest.mark.betters("B-41")
def test_a_rate_is_pinned_shown_and_removed(program: Program) -> None:
    assert program.json("rates", "show") == {"rates": []}
    assert program.text("rates", "show") == "No rates.\n"
    assert program.json("rates", "pin", "usd", "65000.50") == {"rates": [PIN]}
    assert program.json("rates", "show") == {"rates": [PIN]}
    assert "65000.50" in program.text("rates", "show")
    assert program.json("rates", "pin", "USD", "--remove") == {"rates": []}


@pytest.mark.parametrize("words", [["USD"], ["USD", "1", "--remove"], ["SAT", "1"]])
def test_a_pin_needs_a_rate_or_its_removal(words: list[str], program: Program) -> None:
    assert program.refusal("rates", "pin", *words)[0] == 2


def test_a_refresh_asks_and_what_came_is_shown_by_the_next_process(
    online: Program, fake: FakeRates
) -> None:
    refreshed = online.json("rates", "refresh", "usd")
    assert refreshed == {"currency": "USD", "units_per_btc": 65000.1, "source": "kraken"}
    (call,) = fake.journal.calls()
    assert call.request.headers["user-agent"].startswith("Keysat/")
    (shown,) = online.json("rates", "show")["rates"]
    assert shown | {"fetched_at_secs_ago": 0} == refreshed | {"fetched_at_secs_ago": 0}
    assert fake.asked() == ["kraken"]
    assert "65000.10" in online.text("rates", "refresh", "USD")
    assert [row["action"] for row in online.json("audit", "list")["entries"]][:2] == [
        "rate.refresh",
        "rate.refresh",
    ]


def test_a_refresh_that_fails_says_why_and_keeps_what_was_known(
    online: Program, fake: FakeRates
) -> None:
    online.text("rates", "refresh", "USD")
    fake.faults.on_call(ANY, Answer(status=503), count=None)
    code, failure = online.refusal("rates", "refresh", "USD")
    assert (code, failure["error"], failure["code"]) == (10, "upstream_error", "rate_unavailable")
    assert "kraken: HTTP 503" in failure["message"]
    assert len(online.json("rates", "show")["rates"]) == 1


def test_live_rates_are_shown_where_there_are_some(online: Program, fake: FakeRates) -> None:
    fake.say(None, currency="EUR")
    online.text("rates", "pin", "USD", "65000.50")
    result = online.run("rates", "show", "--live", "--json")
    assert result.exit_code == 0
    assert "rate fetch failed: no exchange rate for EUR" in result.stderr
    assert online.json("rates", "show") == {"rates": [PIN]}


def test_offline_nothing_fails_but_a_refresh(program: Program) -> None:
    program.text("rates", "pin", "USD", "65000.50")
    assert program.run("rates", "show", "--live").exit_code == 0
    assert program.json("rates", "refresh", "USD")["source"] == "manual_pin"
    assert program.refusal("rates", "refresh", "EUR")[0] == 10


def test_a_sandbox_asks_nobody_unless_it_is_told_to(online: Program, fake: FakeRates) -> None:
    online.variables["KEYSAT_SANDBOX_MODE"] = "1"
    told = online.variables.pop("KEYSAT_RATE_SOURCES")
    assert online.refusal("rates", "refresh", "USD")[0] == 10
    assert fake.asked() == []
    online.variables["KEYSAT_RATE_SOURCES"] = told
    assert online.json("rates", "refresh", "USD")["source"] == "kraken"


@pytest.mark.parametrize("code", ["usd", "EUR", "SAT"])
def test_a_product_is_priced_in_each_currency(program: Program, code: str) -> None:
    words = ("product", "create", "x", "--name", "X", "--price-value", "1900")
    made = program.json(*words, "--price-currency", code)
    assert (made["price_currency"], made["price_value"]) == (code.upper(), 1_900)


@pytest.mark.parametrize("code", ["BTC", "GBP"])
def test_no_product_is_priced_in_another(program: Program, code: str) -> None:
    words = ("product", "create", "x", "--name", "X", "--price-value", "1")
    assert program.refusal(*words, "--price-currency", code)[0] in {2, 4}


def test_a_server_sells_by_the_sources_and_commands_beside_it_know_its_rate(
    tmp_path: Path, fake: FakeRates
) -> None:
    shop_with_a_tier(tmp_path)
    with (
        serving(fake) as url,
        live_server(tmp_path, KEYSAT_RATE_SOURCES=f"coinbase={url},kraken={url}") as server,
    ):
        priced = {"price_currency": "EUR", "price_value": 4_900}
        server.admin("POST", "/v1/admin/products", {"slug": "fiat", "name": "Fiat"} | priced)
        bought = server.ask("POST", "/v1/purchase", {"product": "fiat"}).json()
        assert bought["amount_sats"] == 81_499
        (known,) = server.program.json("rates", "show")["rates"]
        assert (known["currency"], known["source"]) == ("EUR", "coinbase")
        assert server.admin("GET", "/v1/admin/rates")["rates"][0]["source"] == "coinbase"
        assert fake.asked() == ["coinbase"]
        assert server.stop() == 0
