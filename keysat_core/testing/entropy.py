"""Randomness that is the same in every run, and so no randomness at all: for tests only."""

from hashlib import shake_256
from itertools import count


class SeededEntropy:
    """Implements ``ports.entropy.Entropy``: bytes that depend on the seed and the call's number.

    Two with one seed give the same bytes in the same order; threads may share one, and then the
    order is theirs. A key or secret made with it is known to everybody who can guess the seed:
    never sell with one.
    """

    __slots__ = ("_numbers", "_seed")

    def __init__(self, seed: int | str = 0) -> None:
        self._seed = str(seed)
        self._numbers = count()

    def token(self, n_bytes: int) -> bytes:
        """Give the next ``n_bytes`` bytes."""
        call = f"entropy {self._seed} {next(self._numbers)}"
        return shake_256(call.encode()).digest(n_bytes)
