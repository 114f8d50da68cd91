"""What the store knows of a license, as validation asks for it."""

from typing import Protocol

from keysat_core.domain.ids import LicenseId
from keysat_core.domain.validation import Facts


class ValidationFacts(Protocol):
    """Point reads for validation.

    Inside a transaction they are part of its view. Outside of one they are what a transaction
    opened now would read: a change committed before the question, by any process, is in the answer.
    """

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        """Give the facts, None when there is no such license.

        Without a fingerprint hash (lower-case hex) no seats are looked at.

        Raises:
            StoreBusy, StoreUnavailable, CorruptRow.
        """
        ...


class CommittedFacts(ValidationFacts, Protocol):
    """Facts outside of a transaction."""

    def as_of_now(self) -> ValidationFacts:
        """Give facts that may stay what they are now, or be newer, for whoever asks at once.

        For many questions of one moment: it is found out only once whether anything was committed.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        ...
