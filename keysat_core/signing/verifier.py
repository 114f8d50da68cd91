"""The offline check of a license key: what an embedding program calls.

It knows neither revocation nor seats; only the server does.
"""

from hashlib import sha256
from typing import Self

from keysat_core.errors import BadKeySignature, FingerprintMismatch, InvariantError, KeyExpired
from keysat_core.signing.keys import VerifyKey
from keysat_core.signing.license_key import LicenseKey, parse_key, parse_payload


class Verifier:
    """Accepts the keys of one issuer. Immutable, so threads may share it."""

    __slots__ = ("_verify_key",)

    def __init__(self, verify_key: VerifyKey) -> None:
        self._verify_key = verify_key

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Trust the issuer whose public key this is.

        Raises:
            BadPEM: It is not one Ed25519 public key in PEM form.
        """
        return cls(VerifyKey.from_pem(pem))

    def verify(
        self,
        key: str | LicenseKey,
        *,
        now: int | None = None,
        fingerprint: str | None = None,
    ) -> LicenseKey:
        """Return the key if the issuer signed it and it is good here and now, else raise.

        What is not given is not checked. A fingerprint matters to a bound key only. Checks run in
        the order of the list below and the first failure wins.

        Args:
            key: The text, or what ``parse_key`` made of it.
            now: Unix seconds.
            fingerprint: The machine's raw fingerprint, exactly as it was when the key was bound.

        Raises:
            BadKeyFormat: The text is not a license key.
            BadKeySignature: Another issuer signed it, or it was altered.
            KeyExpired: ``now`` has reached its expiry.
            InvariantError: The fingerprint holds a lone surrogate.
            FingerprintMismatch: The key is bound to another machine.
        """
        parsed = key if isinstance(key, LicenseKey) else parse_key(key)
        self._verify_key.verify(parsed.signed_bytes, parsed.signature)
        # A LicenseKey can be made without parse_key, and then its payload may not be what is signed.
        if parsed is key and parse_payload(parsed.signed_bytes) != parsed.payload:
            raise BadKeySignature
        payload = parsed.payload
        if now is not None and payload.is_expired_at(now):
            raise KeyExpired(payload.expires_at)
        if (
            fingerprint is not None
            and payload.is_fingerprint_bound
            and payload.fingerprint_hash != fingerprint_hash(fingerprint)
        ):
            raise FingerprintMismatch
        return parsed


def fingerprint_hash(text: str) -> bytes:
    """Return the SHA-256 of the UTF-8 of ``text`` as it is, neither trimmed nor case-folded.

    Source: lifecycles 1.3.

    Raises:
        InvariantError: The text holds a lone surrogate, which UTF-8 cannot spell.
    """
    try:
        return sha256(text.encode("utf-8")).digest()
    except UnicodeEncodeError:
        raise InvariantError("fingerprint", "must not hold lone surrogates") from None
