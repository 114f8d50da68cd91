"""CoinGecko's public simple price.

Source: payments 12.1; docs.coingecko.com, "Coin Price by IDs" (``/simple/price``).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from keysat_adapters.rates.source import Source, SourceFailed
from keysat_core.domain.money import Currency


class _Answer(msgspec.Struct):
    bitcoin: Mapping[str, Decimal] = {}
    """By currency in lower case, as a number; read as it is written, never through a float."""


def _path(currency: Currency) -> str:
    return f"/api/v3/simple/price?ids=bitcoin&vs_currencies={currency.lower()}"


def _price(body: bytes, currency: Currency) -> Decimal:
    price = msgspec.json.decode(body, type=_Answer).bitcoin.get(currency.lower())
    if price is None:
        raise SourceFailed(f"the answer has no {currency.lower()}")
    return price


COINGECKO: Final = Source(
    name="coingecko", base_url="https://api.coingecko.com", path=_path, price=_price
)
