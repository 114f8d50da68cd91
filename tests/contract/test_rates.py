import pytest

from keysat_adapters.rates.pinned import PinnedRates
from keysat_core.ports.clock import Clock
from keysat_core.ports.rates import Rates
from keysat_core.testing import FixedClock
from tests.contract.rates_contract import RatesContract
from tests.support.market import open_market


class TestPinnedRates(RatesContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return FixedClock()

    @pytest.fixture
    def rates(self, clock: Clock) -> Rates:
        return PinnedRates({"manual_rate_pin_USD": "65000"}.get, clock)


class TestMarketRates(RatesContract):
    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock()

    @pytest.fixture
    def rates(self, clock: Clock) -> Rates:
        assert isinstance(clock, FixedClock)
        market = open_market(clock=clock)
        market.fake.say(None, currency="EUR")
        return market.rates


class TestPinnedMarketRates(RatesContract):
    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock()

    @pytest.fixture
    def rates(self, clock: Clock) -> Rates:
        assert isinstance(clock, FixedClock)
        market = open_market(clock=clock)
        market.fake.say(None)
        market.fake.say(None, currency="EUR")
        market.pins["manual_rate_pin_USD"] = "65000"
        return market.rates
