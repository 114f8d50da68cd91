"""Identifiers as Zaprite makes them, drawn from a seed. The caller holds the double's lock."""

import random
import string
from typing import Final
from uuid import UUID

_WORD: Final = string.ascii_letters + string.digits
_CUID: Final = string.ascii_lowercase + string.digits


class SeededIds:
    """Draws ids; the same seed gives the same ones in the same order."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def order(self) -> str:
        """Name an order: ``od_`` and ten letters and digits, as in published checkout links."""
        return "od_" + "".join(self._random.choices(_WORD, k=10))

    def cuid(self) -> str:
        """Name anything else."""
        return "c" + "".join(self._random.choices(_CUID, k=24))

    def api_key(self) -> str:
        """Make an API key: a random UUID."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def fraction(self) -> float:
        """Draw a number from 0 to below 1."""
        return self._random.random()
