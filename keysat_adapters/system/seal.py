"""Sealing by libsodium's secret box (XSalsa20 and Poly1305)."""

import hmac
from typing import Final

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from keysat_core.domain.secret import Secret
from keysat_core.errors import AnswerLost

_SALT: Final = b"keysat answer seal 1"
"""Tells these keys from any other that might be made from the same token."""


class SecretBoxSeal:
    """Implements ``ports.seal.AnswerSeal``. The nonce is random, and stored with the box."""

    def seal(self, content: bytes, *, secret: Secret, context: str) -> bytes:
        """Encrypt and authenticate."""
        return bytes(_box(secret, context).encrypt(content))

    def unseal(self, sealed: bytes, *, secret: Secret, context: str) -> bytes:
        """Give the content back.

        Raises:
            AnswerLost: the seal is broken, or not ours.
        """
        try:
            return _box(secret, context).decrypt(sealed)
        except (CryptoError, ValueError) as exc:
            raise AnswerLost from exc


def _box(secret: Secret, context: str) -> SecretBox:
    """Derive a key by HKDF with SHA-256, whose one block is as long as the box wants it.

    Source: RFC 5869, sections 2.2 and 2.3.
    """
    extracted = hmac.digest(_SALT, secret.reveal().encode(), "sha256")
    return SecretBox(hmac.digest(extracted, context.encode() + b"\x01", "sha256"))
