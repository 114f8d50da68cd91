"""Randomness."""

from typing import Protocol


class Entropy(Protocol):
    """Where secrets come from."""

    def token(self, n_bytes: int) -> bytes:
        """Give ``n_bytes`` unpredictable bytes, never the same twice."""
        ...
