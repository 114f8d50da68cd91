"""How a strategy for one kind of struct is put together from those of its fields."""

from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

_Value = TypeVar("_Value")


def built(
    kind: type[_Value], fixed: Mapping[str, Any], /, **fields: SearchStrategy[Any]
) -> SearchStrategy[_Value]:
    """Build values of a kind; what is fixed wins over its strategy."""
    chosen = {name: st.just(value) for name, value in fixed.items()}
    return st.builds(kind, **(fields | chosen))
