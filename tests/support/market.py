"""Rates from the double of the price sources, with pins and a memory of the test's own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.rates.coinbase import COINBASE
from keysat_adapters.rates.coingecko import COINGECKO
from keysat_adapters.rates.kraken import KRAKEN
from keysat_adapters.rates.market import MarketRates
from keysat_adapters.rates.pinned import PinnedRates
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.domain.rate_trust import Inquiry
from keysat_core.errors import KeysatError
from keysat_core.limits import RATE_BUDGET_SECONDS
from keysat_core.testing import FixedClock
from tests.simulators.rates.fake import FakeRates


@dataclass(kw_only=True)
class ListedMemory:
    """Implements ``RateMemory`` in memory; fails with ``failure``."""

    kept: dict[Currency, FetchedRate] = field(default_factory=dict)
    outliers: list[Inquiry] = field(default_factory=list)
    failure: KeysatError | None = None
    keeps: int = 0

    def find_rate(self, currency: Currency) -> FetchedRate | None:
        return self.kept.get(currency)

    def keep_rate(self, fetched: FetchedRate) -> None:
        if self.failure is not None:
            raise self.failure
        self.keeps += 1
        self.kept[fetched.rate.currency] = fetched

    def note_outliers(self, currency: Currency, inquiry: Inquiry) -> None:
        assert all(rate.currency is currency for rate in inquiry.answers)
        self.outliers.append(inquiry)


@dataclass(kw_only=True)
class Market:
    """What a test holds on to."""

    fake: FakeRates
    clock: FixedClock
    pins: dict[str, str]
    memory: ListedMemory
    rates: MarketRates

    def usd(self) -> str:
        """Ask for the rate of the dollar and spell it."""
        return str(self.rates.rate(Currency.USD).units_per_btc)

    def remember(self, units: str, *, age: int, currency: Currency = Currency.USD) -> None:
        """Let another process have fetched a rate some seconds ago."""
        rate = Rate(currency=currency, units_per_btc=Decimal(units), source="kraken")
        self.memory.kept[currency] = FetchedRate(
            rate=rate, fetched_at=Instant(self.clock.now() - age)
        )


def open_market(
    *,
    memory: ListedMemory | None = None,
    clock: FixedClock | None = None,
    fake: FakeRates | None = None,
    sender: HTTPSender | None = None,
    elapsed: Callable[[], float] = monotonic,
    budget_seconds: float = RATE_BUDGET_SECONDS,
) -> Market:
    """Put a market together, in process unless there is a sender of another kind."""
    fake, clock = fake or FakeRates(), clock or FixedClock()
    pins: dict[str, str] = {}
    memory = memory or ListedMemory()
    rates = MarketRates(
        pins=PinnedRates(pins.get, clock),
        sources=(KRAKEN, COINBASE, COINGECKO),
        sender=sender or HTTPSender(transport=fake.transport()),
        memory=memory,
        clock=clock,
        elapsed=elapsed,
        budget_seconds=budget_seconds,
    )
    return Market(fake=fake, clock=clock, pins=pins, memory=memory, rates=rates)
