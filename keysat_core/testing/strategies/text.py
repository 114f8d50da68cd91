"""Text and JSON documents as the domain stores them."""

from functools import cache
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.document import JSONValue

_SLUG: Final = r"[a-z0-9][a-z0-9_-]{0,19}"


def texts(chars_max: int = 40, *, chars_min: int = 0) -> SearchStrategy[str]:
    """Text that may be stored: any Unicode but NUL and halves of surrogate pairs."""
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    return st.text(characters, min_size=chars_min, max_size=chars_max)


@cache
def slugs() -> SearchStrategy[str]:
    """Slugs of products and policies."""
    return st.from_regex(_SLUG, fullmatch=True)


@cache
def names() -> SearchStrategy[str]:
    """Names for people: text that is not blank."""
    return texts(chars_min=1).filter(lambda text: bool(text.strip()))


@cache
def emails() -> SearchStrategy[str]:
    """Text with an at sign; case and script are not restricted."""
    return st.tuples(names(), names()).map("@".join)


@cache
def digests() -> SearchStrategy[str]:
    """SHA-256 digests in lower-case hex."""
    return st.binary(min_size=32, max_size=32).map(bytes.hex)


@cache
def addresses() -> SearchStrategy[str]:
    """IP addresses of both versions."""
    return st.ip_addresses().map(str)


@cache
def documents() -> SearchStrategy[JSONValue]:
    """JSON values that are spelled and read back the same."""
    finite = st.floats(allow_nan=False, allow_infinity=False)
    leaves: SearchStrategy[JSONValue] = st.one_of(
        st.none(), st.booleans(), st.integers(), finite, texts()
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4),
        max_leaves=10,
    )


@cache
def objects() -> SearchStrategy[dict[str, JSONValue]]:
    """JSON objects."""
    return st.dictionaries(texts(), documents(), max_size=4)
