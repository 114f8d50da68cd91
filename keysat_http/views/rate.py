"""Exchange rates on the wire. Source: admin-api 2.17."""

from collections.abc import Iterable

import msgspec

from keysat_core.domain.instant import Instant
from keysat_core.domain.rate import FetchedRate, Rate


class KnownRate(msgspec.Struct, frozen=True, kw_only=True):
    """What a bitcoin costs in a currency, who said so, and how long ago; 0 for a pin."""

    currency: str
    units_per_btc: float
    source: str
    fetched_at_secs_ago: int


class RateList(msgspec.Struct, frozen=True, kw_only=True):
    """The rates that are known without asking anybody."""

    rates: list[KnownRate]


class RefreshedRate(msgspec.Struct, frozen=True, kw_only=True):
    """What a source says now."""

    currency: str
    units_per_btc: float
    source: str


def rate_list_view(fetched: Iterable[FetchedRate], now: Instant) -> RateList:
    """Render rates in the order given."""
    return RateList(
        rates=[
            KnownRate(
                currency=str(one.rate.currency),
                units_per_btc=float(one.rate.units_per_btc),
                source=one.rate.source,
                fetched_at_secs_ago=max(0, now - one.fetched_at),
            )
            for one in fetched
        ]
    )


def refreshed_rate_view(code: str, rate: Rate) -> RefreshedRate:
    """Render a rate under the code it was asked by: BTC and SAT are one."""
    return RefreshedRate(
        currency=code.upper(), units_per_btc=float(rate.units_per_btc), source=rate.source
    )
