from decimal import Decimal

import pytest

from keysat_adapters.rates.pinned import PinnedRates
from keysat_core.domain.money import Currency
from keysat_core.errors import RateUnavailable
from keysat_core.ports.rates import Rates
from keysat_core.testing import FixedClock


def test_a_pin_is_the_rate() -> None:
    rates: Rates = PinnedRates({"manual_rate_pin_USD": "65000.50"}.get, FixedClock())
    rate = rates.rate(Currency.USD)
    assert rate.units_per_btc == Decimal("65000.50")
    assert (rate.currency, rate.source) == (Currency.USD, "manual_pin")


def test_each_currency_has_a_pin_of_its_own() -> None:
    rates = PinnedRates({"manual_rate_pin_EUR": "60000"}.get, FixedClock())
    assert rates.rate(Currency.EUR).units_per_btc == 60_000
    with pytest.raises(RateUnavailable) as refusal:
        rates.rate(Currency.USD)
    assert refusal.value.currency == "USD"


def test_a_changed_pin_counts_at_once() -> None:
    settings = {"manual_rate_pin_USD": "50000"}
    rates = PinnedRates(settings.get, FixedClock())
    assert rates.rate(Currency.USD).units_per_btc == 50_000
    settings["manual_rate_pin_USD"] = "51000"
    assert rates.rate(Currency.USD).units_per_btc == 51_000


@pytest.mark.parametrize("text", ["65000", " 65000 ", "65000.", "65000.0", "0065000"])
def test_a_price_may_be_written_in_several_ways(text: str) -> None:
    rates = PinnedRates({"manual_rate_pin_USD": text}.get, FixedClock())
    assert rates.rate(Currency.USD).units_per_btc == 65_000


@pytest.mark.parametrize(
    "text",
    ["", " ", "0", "0.0", "-1", "+1", "nan", "inf", "1e5", "1e999999", "1_000", "1,000", "$1",
     "six", "٦٥٠٠٠", "1.2.3", "9" * 11, "0." + "1" * 13],
)  # fmt: skip
def test_a_pin_that_is_no_positive_number_is_no_rate(text: str) -> None:
    with pytest.raises(RateUnavailable):
        PinnedRates({"manual_rate_pin_USD": text}.get, FixedClock()).rate(Currency.USD)
