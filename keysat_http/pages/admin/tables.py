"""Lists on screens: sorted, filtered and cut into pages as their address says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from keysat_core.limits import OFFSET_MAX

T = TypeVar("T")

OFFSET_DIGITS_MAX: Final = 9
"""More digits than any offset has; longer ones are not worth reading."""
SHOWN_ROWS: Final = 50
"""Rows of a page: what one reads before one filters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows(Generic[T]):
    """One page of a list. ``is_exact``: whether ``total`` is all there is, and not only at least."""

    rows: Sequence[T]
    offset: int
    limit: int
    total: int
    is_exact: bool = True


def offset_of(query: Mapping[str, str]) -> int:
    """Read where a page begins; nonsense is the beginning."""
    text = query.get("offset", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= OFFSET_DIGITS_MAX
    return min(int(text), OFFSET_MAX) if is_number else 0


def arranged(
    rows: Iterable[T],
    query: Mapping[str, str],
    *,
    keys: Mapping[str, Callable[[T], Any]],
    words: Callable[[T], Iterable[str]],
) -> Rows[T]:
    """Cut a page out of a list that is in memory and bounded.

    Args:
        rows: The whole list, in the order it has without ``sort``.
        query: ``q`` (part of any of the row's words), ``sort`` (a key, ``-`` before it for
            descending) and ``offset``.
        keys: What can be sorted by.
        words: What ``q`` is looked for in.
    """
    return cut(found_in(rows, query, keys=keys, words=words), query)


def found_in(
    rows: Iterable[T],
    query: Mapping[str, str],
    *,
    keys: Mapping[str, Callable[[T], Any]],
    words: Callable[[T], Iterable[str]],
) -> list[T]:
    """Give all rows that ``arranged`` cuts its page out of."""
    wanted = query.get("q", "").strip().casefold()
    found = [row for row in rows if not wanted or any(wanted in w.casefold() for w in words(row))]
    sort = query.get("sort", "")
    if key := keys.get(sort.removeprefix("-")):
        found.sort(key=key, reverse=sort.startswith("-"))
    return found


def cut(found: Sequence[T], query: Mapping[str, str]) -> Rows[T]:
    """Give the page that the query asks for."""
    offset = offset_of(query)
    return Rows(
        rows=found[offset : offset + SHOWN_ROWS], offset=offset, limit=SHOWN_ROWS, total=len(found)
    )
