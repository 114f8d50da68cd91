"""Money: whole numbers of the smallest unit of a currency, never floats.

``SAT`` counts satoshis; ``USD`` and ``EUR`` count cents (lifecycles 0).
"""

from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.errors import InvariantError
from keysat_core.limits import AMOUNT_MAX


class Currency(StrEnum):
    """The currencies a price may be listed in."""

    SAT = "SAT"
    USD = "USD"
    EUR = "EUR"


FIAT: Final = tuple(currency for currency in Currency if currency is not Currency.SAT)
"""The currencies that have a rate."""


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount: sats, or cents for fiat."""

    currency: Currency
    amount: int

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= AMOUNT_MAX:
            raise InvariantError("amount", f"must be between 0 and {AMOUNT_MAX}")


def parse_currency(text: str, *, field: str = "price_currency") -> Currency:
    """Read a currency code in any case; ``field`` is what a refusal names.

    Raises:
        InvariantError: not one of ``SAT``, ``USD``, ``EUR``.
    """
    try:
        return Currency(text.upper())
    except ValueError:
        raise InvariantError(field, "must be SAT, USD or EUR") from None
