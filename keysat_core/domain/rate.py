"""Exchange rates and the one conversion from a listed price to sats.

Which rates are believed, and for how long, is in ``keysat_core.domain.rate_trust``.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Final

import msgspec

from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency, Money
from keysat_core.errors import InvariantError

SATS_PER_BTC: Final = 100_000_000
MINOR_PER_UNIT: Final = 100
CENTIBPS_PER_UNIT: Final = 10_000
"""How invoices remember a rate: times this (lifecycles 14.1)."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How many units of a fiat currency one bitcoin costs, and who said so."""

    currency: Currency
    units_per_btc: Decimal
    source: str

    def __post_init__(self) -> None:
        if not self.units_per_btc.is_finite() or self.units_per_btc <= 0:
            raise InvariantError("units_per_btc", "must be a positive number")

    @property
    def centibps(self) -> int:
        """The rate times 10 000, rounded half up: how invoices remember it (lifecycles 14.1)."""
        return _round_half_up(Fraction(self.units_per_btc) * CENTIBPS_PER_UNIT)


class FetchedRate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate and when its source gave it; a pin is as new as the moment it is read."""

    rate: Rate
    fetched_at: Instant


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A price in sats, with the listed price and the rate it came from (both None for SAT)."""

    amount_sats: int
    listed: Money | None = None
    rate: Rate | None = None


def convert(price: Money, rate: Rate | None) -> Quote:
    """Quote a listed price in sats: ``round_half_up(minor * 1 000 000 / units_per_btc)``.

    A price of 0 stays 0 and any other price is at least 1 sat (lifecycles 14.1, D49). ``rate`` is
    ignored for SAT and for a price of 0.

    Raises:
        InvariantError: a fiat price above 0 without a rate of its currency, or a quote too large.
    """
    if price.currency is Currency.SAT:
        return Quote(amount_sats=price.amount)
    if price.amount == 0:
        return Quote(amount_sats=0, listed=price)
    if rate is None or rate.currency is not price.currency:
        raise InvariantError("rate", f"a rate of {price.currency} is needed")
    exact = Fraction(price.amount * (SATS_PER_BTC // MINOR_PER_UNIT)) / Fraction(rate.units_per_btc)
    amount = Money(currency=Currency.SAT, amount=max(1, _round_half_up(exact))).amount
    return Quote(amount_sats=amount, listed=price, rate=rate)


def listed_value(sats: int, currency: Currency, centibps: int) -> Money:
    """Say in a fiat currency what sats were at a remembered rate, for people to read.

    Rounded half up to cents, so it may be a cent off what was listed before a discount in sats.
    ``centibps`` as ``Rate.centibps``.
    """
    exact = Fraction(sats * centibps * MINOR_PER_UNIT, CENTIBPS_PER_UNIT * SATS_PER_BTC)
    return Money(currency=currency, amount=_round_half_up(exact))


def _round_half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
