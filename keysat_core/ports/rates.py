"""Exchange rates."""

from typing import Protocol

from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate


class Rates(Protocol):
    """What a bitcoin costs now."""

    def rate(self, currency: Currency) -> Rate:
        """Give the present rate of a fiat currency. May call out: never ask inside a transaction.

        Raises:
            RateUnavailable: no source knows it.
        """
        ...
