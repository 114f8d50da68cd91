"""Kraken's public ticker.

Source: payments 12.1; docs.kraken.com/api, Spot REST, "Get Ticker Information".
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from keysat_adapters.rates.source import Source, SourceFailed
from keysat_core.domain.money import Currency


class _Ticker(msgspec.Struct):
    c: list[Decimal]
    """Last trade closed: price and volume, as text."""


class _Answer(msgspec.Struct):
    error: list[str]
    """Empty when all went well: errors come with HTTP 200."""
    result: Mapping[str, _Ticker] = {}


def _pair(currency: Currency) -> str:
    return f"XXBTZ{currency}"


def _path(currency: Currency) -> str:
    return f"/0/public/Ticker?pair={_pair(currency)}"


def _price(body: bytes, currency: Currency) -> Decimal:
    answer = msgspec.json.decode(body, type=_Answer)
    if answer.error:
        raise SourceFailed(f"it says {answer.error[0][:60]!r}")
    ticker = answer.result.get(_pair(currency))
    if ticker is None or not ticker.c:
        raise SourceFailed(f"the answer has no {_pair(currency)}")
    return ticker.c[0]


KRAKEN: Final = Source(name="kraken", base_url="https://api.kraken.com", path=_path, price=_price)
