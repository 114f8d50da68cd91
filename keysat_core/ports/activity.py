"""The validation log."""

from typing import Protocol

from keysat_core.domain.activity import ValidationEntry


class ValidationLog(Protocol):
    """Where answers to validations are noted. Losing the last moments on a power cut is allowed."""

    def note(self, entry: ValidationEntry) -> None:
        """Queue one entry; returns at once and never fails (public-api 9.4)."""
        ...

    def flush(self) -> int:
        """Write what is queued; give the number of entries written. Called by a tick and at stop."""
        ...
