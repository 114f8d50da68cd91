"""Looking a server over while it works: its files, its disk, its settings."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from keysat_core.domain.finding import Finding, Health


class Looked(NamedTuple):
    """One check: what was found, and the worst of it."""

    name: str
    health: Health
    findings: Sequence[Finding]


class FileSize(NamedTuple):
    """A file of the server's and its size in bytes."""

    name: str
    size_bytes: int


class Checkup(Protocol):
    """The doctor's quick checks. It changes nothing, asks nobody and takes some milliseconds."""

    def look(self) -> Sequence[Looked]:
        """Make each check, most serious first; one that cannot be made says so."""
        ...

    def file_sizes(self) -> Sequence[FileSize]:
        """Give the database, the activity file and their logs, as far as they are there.

        Raises:
            StoreUnavailable: one of them cannot be looked at.
        """
        ...
