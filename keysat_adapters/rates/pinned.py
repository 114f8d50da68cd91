"""Exchange rates the operator has pinned by hand."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate
from keysat_core.errors import InvariantError, RateUnavailable

SOURCE: Final = "manual_pin"
"""How invoices name a pinned rate. Source: payments 12.1."""

_PLAIN_DECIMAL: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{0,12})?")
"""Digits as people write a price: exponents would let a short text spell an endless number."""


def setting_for(currency: Currency) -> str:
    """Name the setting that pins a currency. Source: payments 12.1."""
    return f"manual_rate_pin_{currency}"


class PinnedRates:
    """Reads the pin anew on every call, so that a change counts at once."""

    def __init__(self, read_setting: Callable[[str], str | None]) -> None:
        self._read_setting = read_setting

    def rate(self, currency: Currency) -> Rate:
        """Give the pinned rate.

        Raises:
            RateUnavailable: nothing is pinned, or what is pinned is no number above 0.
        """
        text = (self._read_setting(setting_for(currency)) or "").strip()
        if _PLAIN_DECIMAL.fullmatch(text) is None:
            raise RateUnavailable(currency)
        try:
            return Rate(currency=currency, units_per_btc=Decimal(text), source=SOURCE)
        except InvariantError as exc:
            raise RateUnavailable(currency) from exc
