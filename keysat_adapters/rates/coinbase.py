"""Coinbase's public exchange rates.

Source: payments 12.1; docs.cdp.coinbase.com, Coinbase App, "Exchange rates".
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from keysat_adapters.rates.source import Source, SourceFailed
from keysat_core.domain.money import Currency


class _Data(msgspec.Struct):
    rates: Mapping[str, msgspec.Raw]
    """Units of each currency for one bitcoin, as text; only ours is looked at."""


class _Answer(msgspec.Struct):
    data: _Data


def _path(_: Currency) -> str:
    return "/v2/exchange-rates?currency=BTC"


def _price(body: bytes, currency: Currency) -> Decimal:
    raw = msgspec.json.decode(body, type=_Answer).data.rates.get(currency)
    if raw is None:
        raise SourceFailed(f"the answer has no {currency}")
    return msgspec.json.decode(raw, type=Decimal)


COINBASE: Final = Source(
    name="coinbase", base_url="https://api.coinbase.com", path=_path, price=_price
)
