"""What everything that knows exchange rates must do."""

from abc import ABC, abstractmethod

import pytest

from keysat_core.domain.money import FIAT, Currency
from keysat_core.errors import RateUnavailable
from keysat_core.ports.clock import Clock
from keysat_core.ports.rates import Rates


class RatesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def clock(self) -> Clock: ...

    @pytest.fixture
    @abstractmethod
    def rates(self, clock: Clock) -> Rates:
        """Rates that know what a bitcoin costs in dollars, and cannot know it in euros."""

    def test_a_rate_is_of_the_currency_asked_for_and_names_its_source(self, rates: Rates) -> None:
        for rate in (rates.rate(Currency.USD), rates.refresh(Currency.USD)):
            assert rate.currency is Currency.USD
            assert rate.units_per_btc > 0
            assert rate.source
            assert "+" not in rate.source

    def test_a_rate_nobody_knows_is_refused(self, rates: Rates) -> None:
        for ask in (rates.rate, rates.refresh):
            with pytest.raises(RateUnavailable) as refusal:
                ask(Currency.EUR)
            assert refusal.value.currency == "EUR"

    def test_a_rate_that_was_given_is_listed_and_no_other(self, rates: Rates, clock: Clock) -> None:
        given = rates.rate(Currency.USD)
        (listed,) = rates.list_rates()
        assert listed.rate == given
        assert listed.fetched_at <= clock.now()

    def test_a_rate_listed_is_a_fiat_currencys(self, rates: Rates) -> None:
        rates.rate(Currency.USD)
        assert {one.rate.currency for one in rates.list_rates()} <= set(FIAT)
