"""Ids, instants and secrets: what every noun is made of."""

from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.limits import INSTANT_MAX
from keysat_core.testing.strategies.text import texts


@cache
def ids() -> SearchStrategy[str]:
    """Lower-case UUIDv4 text."""
    return st.uuids(version=4).map(str)


def instants(first: int = 0) -> SearchStrategy[Instant]:
    """Any instant RFC 3339 can spell, from ``first`` on."""
    return st.integers(first, INSTANT_MAX).map(Instant)


@cache
def secrets() -> SearchStrategy[Secret]:
    """Secrets; a failing example shows ``***``."""
    return texts(chars_min=1).map(Secret)
