"""What a bitcoin costs: pin, cache, chain, outliers, and the age a rate may have (payments 12.1)."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from keysat_core.domain.money import Currency
from keysat_core.errors import RateUnavailable, StoreBusy
from keysat_core.testing import FixedClock
from tests.simulators.fault_plan import ANY, Answer, CallAction, Cut, Timeout
from tests.support.market import Market, open_market

DOWN = Answer(status=503)


@pytest.fixture
def market() -> Market:
    return open_market()


def cut_off(
    market: Market, *sources: str, fault: CallAction = DOWN, count: int | None = None
) -> None:
    for source in sources:
        market.fake.faults.on_call(source, fault, count=count)


# --- the chain (payments 17, row 42) ------------------------------------------------------------


def test_the_first_source_is_enough(market: Market) -> None:
    rate = market.rates.rate(Currency.USD)
    assert (rate.units_per_btc, rate.source) == (Decimal("65000.10"), "kraken")
    assert market.fake.asked() == ["kraken"]


@pytest.mark.parametrize(
    ("down", "serves"),
    [(["kraken"], "coinbase"), (["kraken", "coinbase"], "coingecko"), (["coinbase"], "kraken")],
)
@pytest.mark.parametrize("fault", [DOWN, Timeout(), Cut()], ids=repr)
def test_the_next_source_stands_in(
    market: Market,
    down: list[str],
    serves: str,
    fault: CallAction,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cut_off(market, *down, fault=fault)
    assert market.rates.rate(Currency.USD).source == serves
    failed = [source for source in down if source != "coinbase" or "kraken" in down]
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        f"no rate of USD from {source}" for source in failed
    ]


def test_when_all_are_down_it_says_why_of_each(market: Market) -> None:
    cut_off(market, ANY)
    with pytest.raises(RateUnavailable) as failure:
        market.rates.rate(Currency.USD)
    assert str(failure.value).startswith("rate fetch failed: ")
    assert failure.value.problems == dict.fromkeys(("kraken", "coinbase", "coingecko"), "HTTP 503")


def test_a_price_that_is_none_sends_on_to_the_next(market: Market) -> None:
    market.fake.say("0", "kraken")
    market.fake.say("650", "coinbase")
    market.fake.say("6.5", "coinbase")
    assert market.rates.rate(Currency.USD).source == "coingecko"


def test_kraken_may_fail_with_a_200(market: Market) -> None:
    market.fake.kraken_errors = ["EService:Unavailable"]
    assert market.rates.rate(Currency.USD).source == "coinbase"


# --- cache --------------------------------------------------------------------------------------


def test_a_rate_is_used_for_a_minute(market: Market) -> None:
    market.usd()
    market.fake.say("66000")
    market.clock.advance(59)
    assert market.usd() == "65000.10"
    market.clock.advance(1)
    assert market.usd() == "66000"
    assert market.fake.asked() == ["kraken", "kraken"]


def test_each_currency_has_a_rate_of_its_own(market: Market) -> None:
    assert market.usd() == "65000.10"
    assert market.rates.rate(Currency.EUR).units_per_btc == Decimal("60123.45")


def test_what_another_process_fetched_within_the_minute_is_used(market: Market) -> None:
    market.remember("64000", age=59)
    assert market.usd() == "64000"
    assert market.fake.asked() == []
    market.clock.advance(1)
    assert market.usd() == "65000.10"


def test_a_clock_that_was_set_back_makes_no_rate_last_for_ever() -> None:
    market = open_market(clock=FixedClock(1_800_000_000))
    market.remember("64000", age=-3_600)
    assert market.usd() == "65000.10"


@pytest.mark.parametrize("age", [60, 600])
def test_while_no_source_answers_a_rate_of_ten_minutes_serves(
    market: Market, age: int, caplog: pytest.LogCaptureFixture
) -> None:
    market.usd()
    cut_off(market, ANY)
    market.clock.advance(age)
    rate = market.rates.rate(Currency.USD)
    assert (str(rate.units_per_btc), rate.source) == ("65000.10", "kraken")
    assert [record.message for record in caplog.records] == [
        f"no source gives USD: kraken+stale, {age} s"
    ]


def test_an_older_one_never_does(market: Market) -> None:
    market.usd()
    cut_off(market, ANY)
    market.clock.advance(601)
    with pytest.raises(RateUnavailable):
        market.rates.rate(Currency.USD)


def test_the_rate_before_a_restart_serves_as_long() -> None:
    before = open_market()
    before.usd()
    after = open_market(memory=before.memory, clock=before.clock)
    cut_off(after, ANY)
    after.clock.advance(600)
    assert after.usd() == "65000.10"
    after.clock.advance(1)
    with pytest.raises(RateUnavailable):
        after.rates.rate(Currency.USD)


# --- outliers (row 43) --------------------------------------------------------------------------


def test_an_outlier_of_one_source_is_never_used_alone(market: Market) -> None:
    market.usd()
    market.clock.advance(60)
    market.fake.say("650000", "kraken")
    cut_off(market, "coinbase", "coingecko")
    with pytest.raises(RateUnavailable) as failure:
        market.rates.rate(Currency.USD)
    assert failure.value.problems["kraken"] == "650000 was not confirmed"
    assert [str(rate.units_per_btc) for rate in market.memory.outliers[0].answers] == ["650000"]


def test_an_outlier_is_skipped_when_two_others_agree(market: Market) -> None:
    market.usd()
    market.clock.advance(60)
    market.fake.say("650000", "kraken")
    rate = market.rates.rate(Currency.USD)
    assert (rate.source, str(rate.units_per_btc)) == ("coinbase", "65000.10")
    assert len(market.memory.outliers) == 1


def test_a_move_that_two_sources_see_is_believed(market: Market) -> None:
    market.usd()
    market.clock.advance(60)
    market.fake.say("40000", "kraken")
    market.fake.say("40700", "coinbase")
    assert market.usd() == "40000"
    assert market.memory.outliers == []
    assert market.fake.asked() == ["kraken", "kraken", "coinbase"]


def test_three_that_contradict_each_other_sell_nothing(market: Market) -> None:
    market.usd()
    market.clock.advance(60)
    for source, price in {"kraken": "40000", "coinbase": "42000", "coingecko": "90000"}.items():
        market.fake.say(price, source)
    with pytest.raises(RateUnavailable):
        market.rates.rate(Currency.USD)
    market.fake.say("65100", "coinbase")
    market.fake.say("65200", "kraken")
    assert market.usd() == "65200"


def test_the_rate_before_a_restart_is_compared_with(market: Market) -> None:
    market.remember("65000", age=86_399)
    market.fake.say("650000", "kraken")
    cut_off(market, "coinbase", "coingecko")
    with pytest.raises(RateUnavailable):
        market.rates.rate(Currency.USD)


def test_a_rate_of_a_day_ago_says_nothing(market: Market) -> None:
    market.remember("65000", age=86_400)
    market.fake.say("650000")
    assert market.usd() == "650000"


def test_the_audit_log_is_told_once_an_hour(market: Market) -> None:
    market.usd()
    market.fake.say("650000", "kraken")
    for _ in range(61):
        market.clock.advance(60)
        assert market.usd() == "65000.10"
    assert len(market.memory.outliers) == 2


# --- pins ---------------------------------------------------------------------------------------


def test_a_pin_comes_before_everything_and_asks_nobody(market: Market) -> None:
    market.usd()
    market.pins["manual_rate_pin_USD"] = "50000"
    rate = market.rates.rate(Currency.USD)
    assert (str(rate.units_per_btc), rate.source) == ("50000", "manual_pin")
    assert market.rates.refresh(Currency.USD).source == "manual_pin"
    del market.pins["manual_rate_pin_USD"]
    assert market.usd() == "65000.10"
    assert market.fake.asked() == ["kraken"]


def test_a_pin_is_nothing_new_rates_are_compared_with(market: Market) -> None:
    market.pins["manual_rate_pin_USD"] = "1000"
    assert market.usd() == "1000"
    del market.pins["manual_rate_pin_USD"]
    assert market.usd() == "65000.10"


@pytest.mark.parametrize("text", ["six", "0", "-5", "1e5", "NaN"])
def test_a_pin_that_is_no_rate_is_ignored_with_a_warning(
    market: Market, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    market.pins["manual_rate_pin_USD"] = text
    assert market.usd() == "65000.10"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "manual_rate_pin_USD is ignored" in caplog.text


# --- refresh and list ---------------------------------------------------------------------------


def test_a_refresh_asks_whatever_is_known(market: Market) -> None:
    market.usd()
    market.fake.say("66000")
    assert market.rates.refresh(Currency.USD).units_per_btc == 66_000
    assert market.usd() == "66000"


def test_a_refresh_that_fails_keeps_what_was_known(market: Market) -> None:
    market.usd()
    cut_off(market, ANY, count=3)
    with pytest.raises(RateUnavailable):
        market.rates.refresh(Currency.USD)
    assert market.usd() == "65000.10"


def test_what_is_known_is_listed_without_asking(market: Market) -> None:
    assert market.rates.list_rates() == []
    market.usd()
    market.pins["manual_rate_pin_EUR"] = "58000"
    market.clock.advance(7)
    listed = [
        (one.rate.currency, one.rate.source, market.clock.now() - one.fetched_at)
        for one in market.rates.list_rates()
    ]
    assert listed == [("USD", "kraken", 7), ("EUR", "manual_pin", 0)]
    assert market.fake.asked() == ["kraken"]
    market.clock.advance(86_400)
    assert [one.rate.currency for one in market.rates.list_rates()] == ["EUR"]


# --- the memory ---------------------------------------------------------------------------------


def test_a_rate_is_kept_for_the_next_process(market: Market) -> None:
    market.usd()
    kept = market.memory.kept[Currency.USD]
    assert (kept.rate.source, kept.fetched_at) == ("kraken", market.clock.now())


def test_a_rate_that_cannot_be_kept_is_as_good(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    market.memory.failure = StoreBusy()
    assert market.usd() == "65000.10"
    assert "the rate of USD cannot be kept" in caplog.text


def test_without_sources_only_pins_count() -> None:
    market = open_market()
    alone = type(market.rates)(
        pins=market.rates._pins,
        sources=(),
        sender=market.rates._sender,
        memory=market.memory,
        clock=market.clock,
    )
    refusals: list[Callable[[Currency], object]] = [alone.rate, alone.refresh]
    for ask in refusals:
        with pytest.raises(RateUnavailable):
            ask(Currency.USD)
    market.pins["manual_rate_pin_USD"] = "50000"
    assert alone.rate(Currency.USD).units_per_btc == 50_000
