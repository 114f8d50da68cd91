"""Instants: whole Unix seconds, UTC (decisions 23). A day is exactly 86 400 seconds."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NewType

from keysat_core.errors import InvariantError
from keysat_core.limits import INSTANT_MAX

Instant = NewType("Instant", int)

_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""Source: RFC 3339 section 5.6, with the space its note allows."""

SPELLED_MAX: Final = 16_384
"""Instants whose spelling is remembered, about 2 MB."""

DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3_600


@lru_cache(maxsize=SPELLED_MAX)
def rfc3339(instant: Instant) -> str:
    """Spell an instant for the wire, as ``2026-01-02T03:04:05Z``.

    Remembered for a while: a license tells the same instants at every validation.
    """
    # Cut off is the +00:00; formatting by a pattern would take twice as long.
    return datetime.fromtimestamp(instant, UTC).isoformat()[:19] + "Z"


def rfc3339_or_none(instant: Instant | None) -> str | None:
    """Spell an instant that may be absent."""
    return None if instant is None else rfc3339(instant)


def rfc3339_or_number(instant: Instant) -> str:
    """Spell an instant, or its number where no calendar goes."""
    return rfc3339(instant) if 0 <= instant <= INSTANT_MAX else f"Unix time {instant}"


def parse_rfc3339(text: str, *, field: str) -> Instant:
    """Read an operator's instant: RFC 3339 with ``Z`` or an offset; fractions are cut off.

    Source: lifecycles 0, D33: what cannot be parsed is refused, never stored.

    Raises:
        InvariantError: the text is no instant, has no offset, or lies before 1970.
    """
    problem = f"{text[:40]!r} is not an RFC 3339 instant such as 2027-01-31T00:00:00Z"
    if not _RFC3339.fullmatch(text):
        raise InvariantError(field, problem)
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise InvariantError(field, problem) from None
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return checked_instant(since_epoch // timedelta(seconds=1), field=field)


def stored_instant(text: str | None) -> Instant | None:
    """Read Unix seconds that are kept as text; None of what is not there or is none."""
    if text is None or not (text.isascii() and text.isdecimal()):
        return None
    if len(text) > len(str(INSTANT_MAX)) or int(text) > INSTANT_MAX:
        return None
    return Instant(int(text))


def checked_instant(seconds: int, *, field: str) -> Instant:
    """Accept seconds that RFC 3339 can spell.

    Raises:
        InvariantError: before 1970 or after the year 9999.
    """
    if not 0 <= seconds <= INSTANT_MAX:
        raise InvariantError(field, "must lie between 1970 and 9999")
    return Instant(seconds)
