"""Exchange rates put together: which sources are asked, and where the last rates are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.rates.coinbase import COINBASE
from keysat_adapters.rates.coingecko import COINGECKO
from keysat_adapters.rates.kraken import KRAKEN
from keysat_adapters.rates.market import MarketRates
from keysat_adapters.rates.pinned import PinnedRates
from keysat_adapters.rates.source import Source
from keysat_cli.rate_sources import RateSource
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import FetchedRate
from keysat_core.domain.rate_trust import Inquiry
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store
from keysat_core.use_cases.server.rates import find_kept_rate, keep_rate, note_outliers

SOURCES: Final[Mapping[str, Source]] = {
    source.name: source for source in (KRAKEN, COINBASE, COINGECKO)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRateMemory:
    """Implements ``RateMemory`` in the database."""

    store: Store
    clock: Clock
    ids: Ids

    def find_rate(self, currency: Currency) -> FetchedRate | None:
        """Give the rate kept last, however old."""
        return find_kept_rate(currency, store=self.store)

    def keep_rate(self, fetched: FetchedRate) -> None:
        """Keep a rate in place of the one before."""
        keep_rate(fetched, store=self.store, clock=self.clock)

    def note_outliers(self, currency: Currency, inquiry: Inquiry) -> None:
        """Leave word of answers that were not believed."""
        note_outliers(currency, inquiry, store=self.store, clock=self.clock, ids=self.ids)


def market_rates(
    chosen: tuple[RateSource, ...], *, store: Store, clock: Clock, ids: Ids, sender: HTTPSender
) -> MarketRates:
    """Put together what gives rates over a database; without a chosen source only pins do."""

    def read_setting(key: str) -> str | None:
        with store.reading() as tx:
            return tx.settings.find_setting(key)

    return MarketRates(
        pins=PinnedRates(read_setting, clock),
        sources=[_source(one) for one in chosen],
        sender=sender,
        memory=StoredRateMemory(store=store, clock=clock, ids=ids),
        clock=clock,
    )


def _source(chosen: RateSource) -> Source:
    source = SOURCES[chosen.name]
    return replace(source, base_url=chosen.base_url) if chosen.base_url else source
