"""The issuer's keys."""

from typing import Protocol

from keysat_core.signing import SigningKey, Verifier


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
