"""What a bitcoin costs: the operator's pin, else a rate of at most a minute, else what sources say.

However many threads ask, one inquiry of a currency runs at a time and all of them share its end. It
runs in a thread of its own, because a name look-up cannot be cut short: whoever waits gives up when
the time for all sources is over, and what comes later is there for the next.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.rates.chain import Asked, ask_in_turn
from keysat_adapters.rates.pinned import PinnedRates
from keysat_adapters.rates.source import Source
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import FIAT, Currency
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.domain.rate_trust import Freshness, freshness, newest, unconfirmed
from keysat_core.errors import KeysatError, RateUnavailable
from keysat_core.limits import (
    RATE_BUDGET_SECONDS,
    RATE_OUTLIER_SECONDS,
    RATE_REST_SECONDS,
    RATE_SOURCE_SECONDS,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.rates import RateMemory

# The standard library's, as in the SQLite adapter: commands print results on stdout.
log = logging.getLogger("keysat.rates")

_SOURCES_SHARE: Final = 0.97
"""The part of the time that sources get: what they said last must still reach whoever waits."""


class _Flight:
    """One inquiry on its way. Nobody waits for it after ``ends_at``; times are elapsed ones.

    ``is_left``: whoever started it gave up, so that its end is kept by nobody but itself.
    """

    __slots__ = ("asked", "began_at", "ends_at", "failure", "is_left", "is_over", "sources_end_at")

    def __init__(self, began_at: float, budget_seconds: float) -> None:
        self.began_at = began_at
        self.ends_at = began_at + budget_seconds
        self.sources_end_at = began_at + budget_seconds * _SOURCES_SHARE
        self.is_over = Event()
        self.is_left = False
        self.asked: Asked | None = None
        self.failure: Exception | None = None


class MarketRates:
    """Implements ``Rates``; share one per process. Without sources it knows pins alone.

    ``memory`` outlives the process, and other processes on the same database read it: a rate that
    one of them fetched within the minute is not asked for again, and a restart does not make the
    next rate, however wild, the first one.
    """

    def __init__(
        self,
        *,
        pins: PinnedRates,
        sources: Sequence[Source],
        sender: HTTPSender,
        memory: RateMemory,
        clock: Clock,
        elapsed: Callable[[], float] = monotonic,
        budget_seconds: float = RATE_BUDGET_SECONDS,
    ) -> None:
        self._pins = pins
        self._sources = tuple(sources)
        self._sender = sender
        self._memory = memory
        self._clock = clock
        self._elapsed = elapsed
        self._budget_seconds = budget_seconds
        self._lock = Lock()
        self._held: dict[Currency, FetchedRate] = {}
        self._flights: dict[Currency, _Flight] = {}
        self._rests: dict[Currency, tuple[float, Asked]] = {}
        self._outliers_noted_at: dict[Currency, Instant] = {}

    def rate(self, currency: Currency) -> Rate:
        """Give the present rate; while no source answers, one of at most ten minutes.

        Raises:
            RateUnavailable: nothing is known, or the sources contradict each other.
        """
        if (pinned := self._pins.find_pin(currency)) is not None:
            return pinned
        known = self._known(currency)
        if known is not None and self._freshness(known) is Freshness.FRESH:
            return known.rate
        asked = self._rested(currency) or self._ask(currency, known)
        if asked.rate is not None:
            return asked.rate
        is_doubtful = bool(unconfirmed(asked.inquiry))
        if known is not None and self._freshness(known) is Freshness.STALE and not is_doubtful:
            age = self._clock.now() - known.fetched_at
            log.warning("no source gives %s: %s+stale, %s s", currency, known.rate.source, age)
            return known.rate
        raise RateUnavailable(currency, asked.problems)

    def refresh(self, currency: Currency) -> Rate:
        """Ask the sources now, unless the currency is pinned.

        Raises:
            RateUnavailable: no source gave a rate that may be believed; what was known stays.
        """
        if (pinned := self._pins.find_pin(currency)) is not None:
            return pinned
        asked = self._ask(currency, self._known(currency))
        if asked.rate is None:
            raise RateUnavailable(currency, asked.problems)
        return asked.rate

    def list_rates(self) -> list[FetchedRate]:
        """Give pins and what was fetched last, here or in another process on the database."""
        pins = {pin.rate.currency: pin for pin in self._pins.list_rates()}
        known = (pins.get(currency) or self._known(currency) for currency in FIAT)
        return [one for one in known if one is not None]

    def _known(self, currency: Currency) -> FetchedRate | None:
        """Give the newest rate known, in this process or beyond; a day is the longest."""
        with self._lock:
            held = self._held.get(currency)
        if held is not None and self._freshness(held) is Freshness.FRESH:
            return held
        return newest((held, self._memory.find_rate(currency)), self._clock.now())

    def _freshness(self, fetched: FetchedRate) -> Freshness:
        return freshness(fetched, self._clock.now())

    def _rested(self, currency: Currency) -> Asked | None:
        """Give the last failure while nobody is to wait for the sources again."""
        with self._lock:
            until, asked = self._rests.get(currency, (0.0, None))
        return asked if self._elapsed() < until else None

    def _ask(self, currency: Currency, known: FetchedRate | None) -> Asked:
        """Start an inquiry or join the one that runs, and wait for its end."""
        if not self._sources:
            return Asked()
        with self._lock:
            flight = self._flights.get(currency)
            is_ours = flight is None
            if flight is None:
                flight = _Flight(self._elapsed(), self._budget_seconds)
                self._flights[currency] = flight
        if is_ours:
            self._take_off(flight, currency, known.rate if known else None)
        flight.is_over.wait(max(0.0, flight.ends_at - self._elapsed()))
        with self._lock:
            asked, failure = flight.asked, flight.failure
            if is_ours and asked is None and failure is None:
                flight.is_left = True
        if failure is not None:
            raise failure
        if asked is None:
            return Asked(problems={"sources": f"no answer within {self._budget_seconds:g} s"})
        if is_ours:
            self._keep(currency, asked)
        return asked

    def _take_off(self, flight: _Flight, currency: Currency, previous: Rate | None) -> None:
        name = f"rates-{currency}"
        thread = Thread(target=self._fly, args=(flight, currency, previous), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # There are too many threads: whoever asks next tries again.
            with self._lock:
                del self._flights[currency]
            flight.asked = Asked(problems={"sources": "no thread to ask them in"})
            flight.is_over.set()

    def _fly(self, flight: _Flight, currency: Currency, previous: Rate | None) -> None:
        """Ask the sources, in a thread of its own.

        What they say is kept by whoever started the inquiry, who waits for no one's turn to write
        before it has an answer; here only when that one gave up.
        """
        asked: Asked | None = None
        failure: Exception | None = None
        try:
            asked = ask_in_turn(
                self._sources,
                self._sender,
                currency,
                previous=previous,
                ends_at=flight.sources_end_at,
                elapsed=self._elapsed,
            )
        except Exception as exc:  # noqa: BLE001  whoever waits is told, as if it had been called
            failure = exc
        with self._lock:
            del self._flights[currency]
            flight.asked, flight.failure = asked, failure
            self._land(flight, currency)
            is_left = flight.is_left
        flight.is_over.set()
        if asked is not None and is_left:
            self._keep(currency, asked)

    def _land(self, flight: _Flight, currency: Currency) -> None:
        asked, now = flight.asked, self._elapsed()
        if asked is None:
            return
        if asked.rate is not None:
            self._rests.pop(currency, None)
            self._held[currency] = FetchedRate(rate=asked.rate, fetched_at=self._clock.now())
        elif now - flight.began_at >= RATE_SOURCE_SECONDS:
            self._rests[currency] = (now + RATE_REST_SECONDS, asked)

    def _keep(self, currency: Currency, asked: Asked) -> None:
        """Tell the memory, once per inquiry. A rate is as good when it cannot be kept."""
        if asked.rate is not None:
            # Without a rate, whoever asked is told the same by the failure.
            for source, problem in asked.problems.items():
                log.warning("no rate of %s from %s: %s", currency, source, problem)
        with self._lock:
            held = self._held.get(currency)
        try:
            if asked.rate is not None and held is not None:
                self._memory.keep_rate(held)
            if unconfirmed(asked.inquiry) and self._is_word_due(currency):
                self._memory.note_outliers(currency, asked.inquiry)
        except KeysatError as exc:
            log.warning("the rate of %s cannot be kept: %s", currency, exc)

    def _is_word_due(self, currency: Currency) -> bool:
        now = self._clock.now()
        with self._lock:
            noted_at = self._outliers_noted_at.get(currency)
            is_due = noted_at is None or not 0 <= now - noted_at < RATE_OUTLIER_SECONDS
            if is_due:
                self._outliers_noted_at[currency] = now
        return is_due
