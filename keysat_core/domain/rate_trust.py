"""Which exchange rates are believed, and for how long. Source: payments 12.1.

A wrong rate sells a license for next to nothing, or for all a buyer has, so a rate that jumps is
believed only when a second source sees the same, and otherwise nothing is sold.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from keysat_core.domain.instant import Instant
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.errors import InvariantError
from keysat_core.limits import (
    RATE_AGREEMENT_PERCENT,
    RATE_DEVIATION_PERCENT_MAX,
    RATE_DIGITS_MAX,
    RATE_FRESH_SECONDS,
    RATE_MEMORY_SECONDS,
    RATE_STALE_SECONDS,
    RATE_UNITS_MAX,
    RATE_UNITS_MIN,
)


class Freshness(StrEnum):
    """What a rate of some age is good for."""

    FRESH = "fresh"
    """To be used as it is."""
    STALE = "stale"
    """To be used while no source answers."""
    REMEMBERED = "remembered"
    """To compare new rates with."""
    FORGOTTEN = "forgotten"
    """For nothing."""


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """What the sources of one currency said, in the order they were asked.

    ``previous`` is the last rate that was believed, if it is not too old to say anything.
    """

    previous: Rate | None = None
    answers: tuple[Rate, ...] = ()


def is_plausible(units_per_btc: Decimal) -> bool:
    """Tell whether a number may be a price of a bitcoin at all."""
    return (
        units_per_btc.is_finite()
        and RATE_UNITS_MIN <= units_per_btc <= RATE_UNITS_MAX
        and len(units_per_btc.as_tuple().digits) <= RATE_DIGITS_MAX
    )


def is_outlier(rate: Rate, previous: Rate | None) -> bool:
    """Tell whether a rate is too far from the one before to be believed alone."""
    if previous is None:
        return False
    distance = abs(rate.units_per_btc - previous.units_per_btc)
    return distance * 100 > previous.units_per_btc * RATE_DEVIATION_PERCENT_MAX


def do_agree(one: Rate, other: Rate) -> bool:
    """Tell whether two rates confirm each other."""
    low, high = sorted((one.units_per_btc, other.units_per_btc))
    return (high - low) * 100 <= low * RATE_AGREEMENT_PERCENT


def chosen(inquiry: Inquiry) -> Rate | None:
    """Give the rate to believe; None: ask another source, and without one sell nothing.

    Without an outlier the first answer will do. Once there is one, any answer may be the wrong one,
    so it takes two that agree, and the earlier asked of them is believed.
    """
    if not outliers(inquiry):
        return next(iter(inquiry.answers), None)
    # In the order of asking, so that what is believed stays so whatever one more says.
    answers = inquiry.answers
    return next(
        (one for n, other in enumerate(answers) for one in answers[:n] if do_agree(one, other)),
        None,
    )


def outliers(inquiry: Inquiry) -> tuple[Rate, ...]:
    """Give the answers that are too far from the rate before."""
    return tuple(rate for rate in inquiry.answers if is_outlier(rate, inquiry.previous))


def unconfirmed(inquiry: Inquiry) -> tuple[Rate, ...]:
    """Give the outliers that the believed rate, if any, does not bear out."""
    believed = chosen(inquiry)
    return tuple(
        rate for rate in outliers(inquiry) if believed is None or not do_agree(rate, believed)
    )


def freshness(fetched: FetchedRate, now: Instant) -> Freshness:
    """Say what a rate is good for. One from the future, after the clock was set back, for nothing."""
    age = now - fetched.fetched_at
    if age < 0 or age >= RATE_MEMORY_SECONDS:
        return Freshness.FORGOTTEN
    if age < RATE_FRESH_SECONDS:
        return Freshness.FRESH
    return Freshness.STALE if age <= RATE_STALE_SECONDS else Freshness.REMEMBERED


def newest(fetched: Sequence[FetchedRate | None], now: Instant) -> FetchedRate | None:
    """Give the newest of several rates of a currency that is still good for anything."""
    usable = [
        one for one in fetched if one is not None and freshness(one, now) is not Freshness.FORGOTTEN
    ]
    return max(usable, key=lambda one: one.fetched_at, default=None)


def spell_fetched(fetched: FetchedRate) -> str:
    """Write a rate as the text of a setting."""
    return msgspec.json.encode(fetched).decode()


def read_fetched(text: str) -> FetchedRate | None:
    """Read the text of a setting; None if it is no rate that may be believed."""
    try:
        fetched = msgspec.json.decode(text, type=FetchedRate)
    except (msgspec.MsgspecError, InvariantError):
        return None
    return fetched if is_plausible(fetched.rate.units_per_btc) else None
