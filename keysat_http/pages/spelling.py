"""How pages spell amounts, instants and spans of time for people, and texts that came from outside.

The API's own spelling is in ``keysat_http.views``.
"""

import re
from datetime import UTC, datetime
from typing import Final

from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, Instant, rfc3339_or_number
from keysat_core.domain.money import Currency, Money
from keysat_core.limits import INSTANT_MAX

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
MINUTE_SECONDS: Final = 60
SHORT_CHARS: Final = 8
"""What is shown of an id where the whole would be noise; the rest is a copy away."""

_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""What would change how the text around it reads: control, bidi and invisible characters.

Source: Unicode UAX 9, explicit directional characters; UTR 36, section 3.
"""
_RATE_SOURCES: Final = {"manual_pin": "the seller"}
_SPANS: Final = (
    (365 * DAY_SECONDS, "year"),
    (30 * DAY_SECONDS, "month"),
    (DAY_SECONDS, "day"),
    (HOUR_SECONDS, "hour"),
    (MINUTE_SECONDS, "minute"),
)


def seen(value: object) -> object:
    """Make what a text hides visible. Every value of every template goes through here."""
    if type(value) is str and not value.isprintable():
        return _UNSEEN.sub(REPLACEMENT, value)
    return value


def sats(amount: int) -> str:
    """Spell sats with separators: ``1,234 sats`` (public-api 14.1)."""
    return f"{amount:,} {'sat' if amount == 1 else 'sats'}"


def money(amount: Money) -> str:
    """Spell a listed price: ``25,000 sats`` or ``49.00 USD`` (public-api 14.1)."""
    if amount.currency is Currency.SAT:
        return sats(amount.amount)
    return f"{units(amount.amount, amount.currency)} {amount.currency}"


def units(amount: int, currency: Currency) -> str:
    """Spell an amount as people type it: ``49.00`` of 4900 cents, ``25000`` sats."""
    if currency is Currency.SAT:
        return str(amount)
    return f"{amount // 100}.{amount % 100:02d}"


def hundredths(bps: int) -> str:
    """Spell basis points as percent are typed: ``12.75``, ``5``."""
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)


def percent(bps: int) -> str:
    """Spell basis points: ``12.75 %``."""
    return f"{hundredths(bps)} %"


def day(instant: Instant) -> str:
    """Spell a day: ``2 Jan 2026``."""
    if not 0 <= instant <= INSTANT_MAX:
        return rfc3339_or_number(instant)
    moment = datetime.fromtimestamp(instant, UTC)
    return f"{moment.day} {moment:%b %Y}"


def moment(instant: Instant) -> str:
    """Spell an instant: ``2 Jan 2026, 15:04 UTC``."""
    if not 0 <= instant <= INSTANT_MAX:
        return rfc3339_or_number(instant)
    return f"{day(instant)}, {datetime.fromtimestamp(instant, UTC):%H:%M} UTC"


def span(seconds: int) -> str:
    """Spell a length in its largest unit, cut off: ``3 days``; under a minute ``a moment``."""
    for size, name in _SPANS:
        count = seconds // size
        if count:
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "a moment"


def relative(instant: Instant, now: Instant) -> str:
    """Spell an instant as seen from now: ``3 days ago``, ``in 2 hours``, ``just now``."""
    distance = instant - now
    if abs(distance) < MINUTE_SECONDS:
        return "just now"
    return f"in {span(distance)}" if distance > 0 else f"{span(-distance)} ago"


def rate_source(name: str) -> str:
    """Spell who said a rate: ``kraken`` as it is, the operator's own pin in words."""
    return _RATE_SOURCES.get(name, name)


def short(identifier: str) -> str:
    """Give the beginning of an id."""
    return identifier[:SHORT_CHARS]
