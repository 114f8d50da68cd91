"""The clock."""

from typing import Protocol

from keysat_core.domain.instant import Instant


class Clock(Protocol):
    """Where time comes from. Use cases read it once; nothing below them does."""

    def now(self) -> Instant:
        """Give the present instant. It may step back; nothing may rely on it growing."""
        ...
