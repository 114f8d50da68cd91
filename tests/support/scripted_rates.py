"""Exchange rates from a table that a test fills."""

from dataclasses import dataclass, field
from decimal import Decimal

from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.errors import RateUnavailable
from keysat_core.testing.clock import START


@dataclass(kw_only=True)
class ScriptedRates:
    """Implements ``ports.rates.Rates`` from a table; an absent currency is unavailable."""

    units_per_btc: dict[Currency, Decimal] = field(default_factory=dict)

    def rate(self, currency: Currency) -> Rate:
        if currency not in self.units_per_btc:
            raise RateUnavailable(currency)
        return Rate(currency=currency, units_per_btc=self.units_per_btc[currency], source="table")

    def refresh(self, currency: Currency) -> Rate:
        return self.rate(currency)

    def list_rates(self) -> list[FetchedRate]:
        return [
            FetchedRate(rate=self.rate(currency), fetched_at=Instant(START))
            for currency in self.units_per_btc
        ]
