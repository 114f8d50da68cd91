"""Pages of lists: what a caller may ask for, kept within bounds instead of refused (B-34)."""

from collections.abc import Sequence
from typing import TypeVar

from keysat_core.domain.instant import Instant, parse_rfc3339
from keysat_core.limits import OFFSET_MAX, PRODUCTS_MAX

T = TypeVar("T")


def clamp_limit(limit: int, limit_max: int) -> int:
    """Bring the size of a page within its bounds."""
    return min(max(limit, 1), limit_max)


def clamp_offset(offset: int) -> int:
    """Bring the start of a page within its bounds."""
    return min(max(offset, 0), OFFSET_MAX)


def read_instant(text: str, *, field: str) -> Instant | None:
    """Read a bound of a time; blank is none.

    Raises:
        InvariantError: it is not RFC 3339.
    """
    # In a query string an unescaped plus of an offset is a space.
    return parse_rfc3339(text.strip().replace(" ", "+"), field=field) if text.strip() else None


def page_of(rows: Sequence[T], *, limit: int, offset: int) -> Sequence[T]:
    """Cut one page out of a list that is bounded already."""
    start = clamp_offset(offset)
    return rows[start : start + clamp_limit(limit, PRODUCTS_MAX)]
