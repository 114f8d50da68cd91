"""What is said about a cap of the tier before one runs into it. Source: admin-api 5 and 7."""

from dataclasses import dataclass
from enum import StrEnum


class Nearness(StrEnum):
    """How far a cap is."""

    FREE = "free"
    APPROACHING = "approaching"
    REACHED = "reached"
    EXCEEDED = "exceeded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cap:
    """How much is used; ``most`` None means without end."""

    used: int
    most: int | None
    nearness: Nearness


def cap_of(used: int, most: int | None) -> Cap:
    """Judge a cap: one below it is near, and what was there before it is beyond it."""
    if most is None or used < most - 1:
        nearness = Nearness.FREE
    elif used == most - 1:
        nearness = Nearness.APPROACHING
    elif used == most:
        nearness = Nearness.REACHED
    else:
        nearness = Nearness.EXCEEDED
    return Cap(used=used, most=most, nearness=nearness)
