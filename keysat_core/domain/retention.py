"""How long what was logged is kept. Source: B-47; public-api 9.4, Better: bound retention.

The audit log is kept whole: each of its rows seals the one before, and a shortened chain is a broken
one to whoever verifies it.
"""

from typing import Final

import msgspec

from keysat_core.domain.text import checked_range
from keysat_core.limits import RETENTION_DAYS_MAX

KEEP: Final = "keep"
"""How for ever is spelled in a setting."""

VALIDATION_DAYS_DEFAULT: Final = 90
"""How long validations are kept while nobody said otherwise."""


_DIGITS_MAX: Final = 9
"""More digits than any number of days we take."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Whole days; None keeps for ever."""

    validation_days: int | None = VALIDATION_DAYS_DEFAULT
    delivery_days: int | None = None

    def __post_init__(self) -> None:
        _check_days(self.validation_days, "validation_days")
        _check_days(self.delivery_days, "delivery_days")


def read_days(text: str | None, *, default: int | None) -> int | None:
    """Read a setting; one that is none of ours is taken for unset, so that nothing goes by mistake."""
    if text == KEEP:
        return None
    if text is None or not (text.isascii() and text.isdecimal()):
        return default
    days = int(text[:_DIGITS_MAX])
    return days if 1 <= days <= RETENTION_DAYS_MAX else default


def spell_days(days: int | None) -> str:
    """Spell a number of days as a setting."""
    return KEEP if days is None else str(days)


def _check_days(days: int | None, field: str) -> None:
    if days is not None:
        checked_range(days, field=field, low=1, high=RETENTION_DAYS_MAX)
