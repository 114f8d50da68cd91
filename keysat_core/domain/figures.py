"""The figures of a shop over its last days: what is read of them, and the arithmetic on top.

Days are those of UTC, numbered from 1970. What a subscription brings is its listed price: codes and
changes of tier that come with a later cycle are not foreseen.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from keysat_core.domain.ids import ProductId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.rate import Rate, convert
from keysat_core.errors import InvariantError

FIGURE_DAYS: Final = (7, 30, 90, 365)
"""How many days figures are given for."""

MONTH_DAYS: Final = 30
"""What prices are normalized to, renewals are foreseen for and churn is measured over."""


class Days(NamedTuple):
    """Days in a row, from the first up to but not including the end."""

    first: int
    end: int

    @property
    def since(self) -> Instant:
        """When they begin."""
        return Instant(self.first * DAY_SECONDS)

    @property
    def until(self) -> Instant:
        """When they are over."""
        return Instant(self.end * DAY_SECONDS)

    def spread(self, numbers: Mapping[int, int]) -> tuple[int, ...]:
        """Put a number on each day, 0 where there is none."""
        return tuple(numbers.get(day, 0) for day in range(self.first, self.end))


class ProductDay(NamedTuple):
    """What a product earned on a day; None: what all products earned that are not told apart."""

    day: int
    product_id: ProductId | None
    invoice_number: int
    amount_sats: int


class LicenseDay(NamedTuple):
    """Licenses that were issued on a day, and those that are suspended or revoked since."""

    day: int
    issued: int
    ended: int


class RenewalDay(NamedTuple):
    """Active subscriptions that fall due on a day, and the sum of their prices in a currency."""

    day: int
    currency: Currency
    number: int
    value: int


class RecurringPrice(NamedTuple):
    """Active subscriptions with cycles of the same length, and the sum of their prices."""

    currency: Currency
    period_days: int
    number: int
    value: int


class SubscriptionFlow(NamedTuple):
    """Subscriptions that began within a time, and those that lapsed or were cancelled in it."""

    started: int
    ended: int


class Churn(NamedTuple):
    """How many subscriptions ended, of those that were billed when the time began."""

    days: Days
    flow: SubscriptionFlow
    live: int

    @property
    def live_at_start(self) -> int:
        """How many were billed when the time began."""
        return max(0, self.live - self.flow.started + self.flow.ended)

    @property
    def rate_bps(self) -> int | None:
        """The share that ended, in hundredths of a percent; None where there was nothing to lose."""
        if self.live_at_start == 0:
            return None
        return round(Fraction(10_000 * self.flow.ended, self.live_at_start))


class Sum(NamedTuple):
    """An amount in a listed currency; in sats too where a rate is known."""

    currency: Currency
    number: int
    amount: int
    amount_sats: int | None


def checked_days(days: int) -> int:
    """Accept how many days figures are asked for.

    Raises:
        InvariantError: not one of ``FIGURE_DAYS``.
    """
    if days not in FIGURE_DAYS:
        allowed = ", ".join(map(str, FIGURE_DAYS[:-1]))
        raise InvariantError("days", f"must be {allowed} or {FIGURE_DAYS[-1]}")
    return days


def last_days(now: Instant, count: int) -> Days:
    """Give the last days, of which today is one."""
    today = now // DAY_SECONDS
    return Days(today + 1 - count, today + 1)


def next_days(now: Instant, count: int) -> Days:
    """Give the next days, of which today is one."""
    today = now // DAY_SECONDS
    return Days(today, today + count)


def active_by_day(days: Days, changes: Iterable[LicenseDay], active: int) -> tuple[int, ...]:
    """Give how many licenses were active at the end of each day, from how many are now."""
    moved = days.spread({one.day: one.issued - one.ended for one in changes})
    counts: list[int] = []
    for change in reversed(moved):
        counts.append(active)
        active -= change
    return tuple(reversed(counts))


def monthly(prices: Sequence[RecurringPrice], rates: Mapping[Currency, Rate]) -> list[Sum]:
    """Normalize what active subscriptions bring to 30 days, by currency."""
    found = []
    for currency in Currency:
        own = [one for one in prices if one.currency is currency]
        if own:
            exact = sum(Fraction(one.value * MONTH_DAYS, one.period_days) for one in own)
            found.append(summed(currency, sum(one.number for one in own), round(exact), rates))
    return found


def summed(currency: Currency, number: int, amount: int, rates: Mapping[Currency, Rate]) -> Sum:
    """Say what an amount is in sats, as far as there is a rate."""
    rate = rates.get(currency)
    sats = None
    if currency is Currency.SAT or rate is not None:
        sats = convert(Money(currency=currency, amount=amount), rate).amount_sats
    return Sum(currency=currency, number=number, amount=amount, amount_sats=sats)


def total_sats(sums: Iterable[Sum]) -> int | None:
    """Add up what is known in sats; None where a part of it is not."""
    total = 0
    for one in sums:
        if one.amount_sats is None:
            return None
        total += one.amount_sats
    return total
