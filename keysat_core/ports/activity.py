"""What is noted of every validation: kept in memory first, written in groups.

Both are written to a file of their own, never with the change of a license, and the last moments
may be lost on a power cut (ARCHITECTURE, rule 7). Noting returns at once and never fails.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from keysat_core.domain.activity import Heartbeat, ValidationCount, ValidationEntry
from keysat_core.domain.ids import MachineId
from keysat_core.domain.instant import Instant


class ValidationLog(Protocol):
    """Where answers to validations are noted."""

    def note(self, entry: ValidationEntry) -> None:
        """Queue one entry (public-api 9.4)."""
        ...

    def daily_counts(self, first_day: int, end_day: int) -> Sequence[ValidationCount]:
        """Count by result what was written on the days from the first up to, not including, the end.

        By day, then by result. What is purged from the log stays counted.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        ...

    def flush(self) -> int:
        """Write what is queued; give the number of entries written. Called by a tick and at stop."""
        ...


class Heartbeats(Protocol):
    """When machines were last seen, until it is folded into their rows."""

    def note(self, machine_id: MachineId, now: Instant, ip: str | None) -> None:
        """Queue that a machine is in use; of one at most one per minute of the clock is kept.

        ``ip`` None: its address is not known.
        """
        ...

    def flush(self) -> int:
        """Write what is queued; give the number of machines written."""
        ...

    def last_seen(self, machine_ids: Iterable[MachineId]) -> Mapping[MachineId, Heartbeat]:
        """Give what is known of these machines beyond their rows, queued or written.

        Never fails: a file that cannot be read knows nothing.
        """
        ...

    def list_written(self, limit: int) -> Sequence[Heartbeat]:
        """Give heartbeats that were written, in the order of machine ids.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        ...

    def forget(self, beats: Sequence[Heartbeat]) -> None:
        """Remove heartbeats that are in their machines' rows now, unless a later one came.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        ...
