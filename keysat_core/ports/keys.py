"""The issuer's keys."""

from typing import Protocol

from keysat_core.signing import SigningKey, Verifier
from keysat_core.signing.license_key import LicensePayload


class KeyRing(Protocol):
    """The one signing key of this server and what verifies with it. Cheap to ask, never None."""

    def signing_key(self) -> SigningKey:
        """Give the key that signs licenses.

        Raises:
            SigningKeyUnusable: the stored key is missing or damaged.
        """
        ...

    def verifier(self) -> Verifier:
        """Give the verifier of licenses this server issued."""
        ...

    def payload_of(self, key: str) -> LicensePayload:
        """Give what a license key of this issuer says; a key seen before may be remembered.

        Only what is signed is remembered, and only of keys that verified with today's key.

        Raises:
            BadKeyFormat, BadKeySignature: it is no key of this issuer.
            SigningKeyUnusable: the stored key is missing or damaged.
        """
        ...

    def reload(self) -> None:
        """Look at the stored key anew, after it was replaced. Not inside a transaction.

        Other processes on the same store notice by themselves before they sign again.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        ...
