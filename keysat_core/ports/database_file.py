"""A database as a file, for looking into one that may be damaged."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from keysat_core.domain.inspection import Tallies
from keysat_core.domain.license import License
from keysat_core.domain.secret import Secret
from keysat_core.errors import CorruptRow
from keysat_core.ports.store import AuditLog


class DatabaseFile(Protocol):
    """One database, seen as it was at one moment; looking never changes it. Judges nothing.

    Every method may raise ``StoreUnavailable`` when the file is damaged where it has to read.
    """

    def checksum_problems(self) -> list[str] | None:
        """Say how its bytes differ from the checksums kept beside it; None if there are none."""
        ...

    def ledger_problems(self) -> list[str]:
        """Say how its migrations and its schema differ from this program's; empty if they do not.

        A database that only lacks newer migrations does not differ.
        """
        ...

    def structure_problems(self) -> list[str]:
        """Say what is damaged in the file itself, at most ``STRUCTURE_PROBLEMS_MAX`` faults."""
        ...

    def dangling_references(self) -> Mapping[str, int]:
        """Count, by table, the rows that refer to rows that are not there."""
        ...

    def unread_reason(self) -> str | None:
        """Say why this program cannot read its rows; None if it can."""
        ...

    def unread_audit_reason(self) -> str | None:
        """Say why this program cannot read its audit log; None if it can."""
        ...

    def unread_counts_reason(self) -> str | None:
        """Say why this program cannot read the counts kept in it; None if it can."""
        ...

    def count_differences(self) -> Mapping[str, int]:
        """Count, by table, the kept numbers that are not those of what they count."""
        ...

    def find_signing_key_pem(self) -> tuple[Secret, str] | None:
        """The private and the public PEM; None before first boot."""
        ...

    def tallies(self) -> Tallies:
        """Count its rows."""
        ...

    @property
    def audit_log(self) -> AuditLog:
        """Its audit log."""
        ...

    def licenses(self) -> Iterator[License | CorruptRow]:
        """All licenses, one at a time in no order; for a row that cannot be read, what is wrong."""
        ...
