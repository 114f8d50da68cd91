"""Exchange rates."""

from typing import Protocol

from keysat_core.domain.money import Currency
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.domain.rate_trust import Inquiry


class Rates(Protocol):
    """What a bitcoin costs now. The operator's pin of a currency comes before every source."""

    def rate(self, currency: Currency) -> Rate:
        """Give the present rate of a fiat currency. May call out: never ask inside a transaction.

        Raises:
            RateUnavailable: no source knows it, or they contradict each other.
        """
        ...

    def refresh(self, currency: Currency) -> Rate:
        """Like ``rate``, but ask the sources whatever is known. What was known stays on failure.

        Raises:
            RateUnavailable: as for ``rate``, and when only an older rate is known.
        """
        ...

    def list_rates(self) -> list[FetchedRate]:
        """Give what is known of each fiat currency without calling out, in the currencies' order.

        Rates a day old and older are left out.
        """
        ...


class RateMemory(Protocol):
    """What is known of rates beyond one process. Only trouble with the store is raised."""

    def find_rate(self, currency: Currency) -> FetchedRate | None:
        """Give the rate kept last, however old."""
        ...

    def keep_rate(self, fetched: FetchedRate) -> None:
        """Keep a rate that was believed, in place of the one before."""
        ...

    def note_outliers(self, currency: Currency, inquiry: Inquiry) -> None:
        """Leave word in the audit log of answers that were not believed."""
        ...
