"""Ids from a seed, at the price of a draw: tens of thousands are made in a run."""

from random import Random


class DrawnIds:
    """Implements ``ports.ids.Ids``: well-formed UUIDv4 text that depends on the seed alone."""

    __slots__ = ("_rng",)

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"ids {seed}")  # noqa: S311  the seed is the point

    def new(self) -> str:
        """Give the next id."""
        drawn = f"{self._rng.getrandbits(128):032x}"
        variant = "89ab"[int(drawn[16], 16) & 3]
        return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-{variant}{drawn[17:20]}-{drawn[20:]}"
