"""Sealing of what must be kept and may be read by its owner alone."""

from typing import Protocol

from keysat_core.domain.secret import Secret


class AnswerSeal(Protocol):
    """Encrypts answers so that neither the database nor its backups show what is in them.

    The key is made from a secret of the caller's, which is stored nowhere, and from ``context``,
    which says what is sealed. The secret must be a token of high entropy, never a password.
    """

    def seal(self, content: bytes, *, secret: Secret, context: str) -> bytes:
        """Encrypt and authenticate; two seals of one content differ."""
        ...

    def unseal(self, sealed: bytes, *, secret: Secret, context: str) -> bytes:
        """Give the content back.

        Raises:
            AnswerLost: it was sealed with another secret or context, or a byte of it changed.
        """
        ...
