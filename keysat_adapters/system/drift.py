"""Whether the wall clock keeps pace with time that passes."""

import time


class DriftWatch:
    """Compares the two from when it was made."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def drift_seconds(self) -> float:
        """Give by how much the wall clock was moved since, negative if back."""
        return time.time() - time.monotonic() - self._ahead
