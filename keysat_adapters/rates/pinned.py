"""Exchange rates the operator has pinned by hand."""

import logging
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from keysat_core.domain.money import FIAT, Currency
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.domain.setting import RATE_PIN_PREFIX
from keysat_core.errors import RateUnavailable
from keysat_core.ports.clock import Clock

SOURCE: Final = "manual_pin"
"""How invoices name a pinned rate. Source: payments 12.1."""

_PLAIN_DECIMAL: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{0,12})?")
"""Digits as people write a price: exponents would let a short text spell an endless number."""

log = logging.getLogger("keysat.rates")


def setting_for(currency: Currency) -> str:
    """Name the setting that pins a currency. Source: payments 12.1."""
    return RATE_PIN_PREFIX + currency


class PinnedRates:
    """Implements ``Rates`` by pins alone, read anew on every call, so that a change counts at once."""

    def __init__(self, read_setting: Callable[[str], str | None], clock: Clock) -> None:
        self._read_setting = read_setting
        self._clock = clock

    def find_pin(self, currency: Currency) -> Rate | None:
        """Give the pinned rate; None when nothing is pinned, or what is pinned is no number above 0."""
        text = (self._read_setting(setting_for(currency)) or "").strip()
        if not text:
            return None
        if _PLAIN_DECIMAL.fullmatch(text) is None or not Decimal(text):
            log.warning("%s is ignored: it is no number above 0", setting_for(currency))
            return None
        return Rate(currency=currency, units_per_btc=Decimal(text), source=SOURCE)

    def rate(self, currency: Currency) -> Rate:
        """Give the pinned rate.

        Raises:
            RateUnavailable: there is none.
        """
        pinned = self.find_pin(currency)
        if pinned is None:
            raise RateUnavailable(currency)
        return pinned

    def refresh(self, currency: Currency) -> Rate:
        """Give the pinned rate, which is always new.

        Raises:
            RateUnavailable: there is none.
        """
        return self.rate(currency)

    def list_rates(self) -> list[FetchedRate]:
        """Give the pinned rates."""
        now = self._clock.now()
        pins = (self.find_pin(currency) for currency in FIAT)
        return [FetchedRate(rate=pin, fetched_at=now) for pin in pins if pin is not None]
