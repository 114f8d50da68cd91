"""Whether anything was received since somebody last looked."""


class Arrivals:
    """Counts the times this process received something from a client; only to be compared."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


ARRIVALS = Arrivals()
"""Of this process: the connections count, and whoever remembers something for a moment looks."""
