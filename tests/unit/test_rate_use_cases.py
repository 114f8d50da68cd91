"""Exchange rates as operators see them, and what is kept of them in the database."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.domain.rate_trust import Inquiry
from keysat_core.errors import Forbidden, InvariantError, RateUnavailable
from keysat_core.use_cases.server.rates import (
    find_kept_rate,
    keep_rate,
    list_rates,
    note_outliers,
    refresh_rate,
)
from tests.support.scripted_rates import ScriptedRates
from tests.support.trade import OPERATOR, Trade, open_trade, operator_without


def usd(units: str, source: str = "kraken") -> Rate:
    return Rate(currency=Currency.USD, units_per_btc=Decimal(units), source=source)


@pytest.fixture
def trade() -> Iterator[Trade]:
    opened = open_trade()
    yield opened
    opened.close()


def refresh(trade: Trade, code: str) -> Rate:
    rates = ScriptedRates(units_per_btc={Currency.USD: Decimal(65_000)})
    return refresh_rate(
        OPERATOR, code, rates=rates, store=trade.store, clock=trade.clock, ids=trade.ids
    )


def test_the_list_needs_the_scope(trade: Trade) -> None:
    rates = ScriptedRates(units_per_btc={Currency.USD: Decimal(65_000)})
    assert [one.rate.currency for one in list_rates(OPERATOR, rates=rates)] == ["USD"]
    with pytest.raises(Forbidden):
        list_rates(operator_without(Scope.RATES_READ), rates=rates)


@pytest.mark.parametrize(
    ("code", "units", "source"),
    [("usd", 65_000, "table"), ("BTC", 100_000_000, "identity"), ("sat", 100_000_000, "identity")],
)
def test_a_refresh_gives_the_rate_and_is_audited(
    trade: Trade, code: str, units: int, source: str
) -> None:
    rate = refresh(trade, code)
    assert (int(rate.units_per_btc), rate.source) == (units, source)
    (entry,) = trade.audits("rate.refresh")
    assert entry.target_id == code.upper()
    assert entry.details == {
        "currency": code.upper(),
        "source": source,
        "units_per_btc": str(units),
    }


@pytest.mark.parametrize(("code", "failure"), [("EUR", RateUnavailable), ("GBP", InvariantError)])
def test_a_refresh_that_fails_is_not_audited(
    trade: Trade, code: str, failure: type[Exception]
) -> None:
    with pytest.raises(failure):
        refresh(trade, code)
    assert trade.audits("rate.refresh") == []


def test_a_kept_rate_is_found_again_by_its_currency(trade: Trade) -> None:
    assert find_kept_rate(Currency.USD, store=trade.store) is None
    for units in ("65000.10", "66000"):
        fetched = FetchedRate(rate=usd(units), fetched_at=Instant(1_800_000_000))
        keep_rate(fetched, store=trade.store, clock=trade.clock)
        assert find_kept_rate(Currency.USD, store=trade.store) == fetched
    assert find_kept_rate(Currency.EUR, store=trade.store) is None
    assert trade.audits() == []


@pytest.mark.parametrize(
    "text",
    [
        "65000",
        '{"rate":{"currency":"EUR","units_per_btc":"65000","source":"x"},"fetched_at":1800000000}',
    ],
)
def test_what_was_kept_by_another_hand_is_not_believed(trade: Trade, text: str) -> None:
    with trade.store.writing() as tx:
        tx.settings.put_setting("rate_last_USD", text, trade.clock.now())
    assert find_kept_rate(Currency.USD, store=trade.store) is None


def test_outliers_are_audited_with_what_they_were_compared_with(trade: Trade) -> None:
    answers = (usd("650000"), usd("65100", "coinbase"), usd("65200", "coingecko"))
    inquiry = Inquiry(previous=usd("65000"), answers=answers)
    note_outliers(Currency.USD, inquiry, store=trade.store, clock=trade.clock, ids=trade.ids)
    (entry,) = trade.audits("rate.outlier")
    assert (entry.actor_kind, entry.target_kind, entry.target_id) == ("system", "rate", "USD")
    assert entry.details == {
        "currency": "USD",
        "outliers": {"kraken": "650000"},
        "previous": "65000",
        "believed": "coinbase",
    }
    event = trade.events()[-1]
    assert (event.event_type, event.is_published) == ("rate.outlier", False)


def test_outliers_without_a_rate_before_or_after_are_spelled_too(trade: Trade) -> None:
    note_outliers(Currency.USD, Inquiry(), store=trade.store, clock=trade.clock, ids=trade.ids)
    (entry,) = trade.audits("rate.outlier")
    assert (entry.details["previous"], entry.details["believed"]) == (None, None)
