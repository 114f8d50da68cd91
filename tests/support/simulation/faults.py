"""What goes wrong, and how often: drawn from the seed, so that each seed has a weather of its own."""

from random import Random
from typing import Final

import msgspec

MOODS: Final = (0.0, 0.3, 1.0, 3.0)
"""How much each kind of fault is turned up or down for a seed; one seed in four does without it."""

FAIR_CHANCE: Final = 0.1
"""Seeds of fair weather throughout: there, nothing may be put down to a fault."""

SILENCE_CHANCE: Final = 0.2
"""Seeds in which no webhook ever arrives: the reconciler alone must do (payments 10)."""


class Odds(msgspec.Struct, kw_only=True):
    """Chances of each fault at each place where it may strike."""

    death: float = 0.004
    store_busy: float = 0.01
    disk_full: float = 0.01
    provider_refused: float = 0.02
    provider_unavailable: float = 0.04
    answer_lost: float = 0.04
    answer_stale: float = 0.05
    provider_slow: float = 0.03
    provider_down: float = 0.002
    reply_lost: float = 0.05
    webhook_lost: float = 0.25
    webhook_doubled: float = 0.15
    webhook_forged: float = 0.1
    clock_back: float = 0.001
    clock_ahead: float = 0.0005


NAMES: Final = Odds.__struct_fields__


class Faults:
    """Decides whether a fault strikes. ``hushed``: no more do. ``struck`` counts those that did."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"faults {seed}")  # noqa: S311  the seed is the point
        self.is_hushed = False
        self.struck: dict[str, int] = {}
        ordinary = Odds()
        self.odds = Odds(
            **{name: getattr(ordinary, name) * self._rng.choice(MOODS) for name in NAMES}
        )
        chance = self._rng.random()
        if chance < FAIR_CHANCE:
            self.odds = Odds(**dict.fromkeys(NAMES, 0.0))
        elif chance < FAIR_CHANCE + SILENCE_CHANCE:
            self.odds.webhook_lost = 1.0

    def strikes(self, name: str) -> bool:
        """Draw once for a kind of fault."""
        odds: float = getattr(self.odds, name)
        if self.is_hushed or odds == 0.0 or self._rng.random() >= odds:
            return False
        self.struck[name] = self.struck.get(name, 0) + 1
        return True
