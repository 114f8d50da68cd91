"""The machine's clock."""

import time

from keysat_core.domain.instant import Instant


class SystemClock:
    """The wall clock, cut to whole seconds."""

    def now(self) -> Instant:
        """Give the present second; it follows the machine's clock, so it may step back."""
        return Instant(int(time.time()))
