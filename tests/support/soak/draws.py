"""Ids and time at the least price: they are asked for hundreds of thousands of times in a run."""

from random import Random

from keysat_core.domain.instant import Instant
from keysat_core.testing.clock import START, FixedClock


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


class PlainClock(FixedClock):
    """A fixed clock for a single thread."""

    __slots__ = ("_now",)

    def __init__(self) -> None:
        super().__init__(START)
        self._now = Instant(START)

    def now(self) -> Instant:
        return self._now

    def set(self, now: int, *, may_go_back: bool = False) -> None:
        super().set(now, may_go_back=may_go_back)
        self._now = Instant(now)
