"""Ed25519 keys and their PEM forms. The only place of the core that knows libsodium.

Where a private key is kept and who may read it is not decided here.

Source: RFC 8032 (Ed25519, the pure variant); RFC 8410 (its key formats); lifecycles 1.3.
"""

from typing import NoReturn, Self

import msgspec
from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError

from keysat_core.errors import BadKeySignature, BadPEM, InvariantError
from keysat_core.signing.pem import read_pem, write_pem

SEED_BYTES = 32
"""Source: RFC 8032 section 5.1.5."""

PUBLIC_KEY_BYTES = 32
"""Source: RFC 8032 section 5.1.5."""

SIGNATURE_BYTES = 64
"""Source: RFC 8032 section 5.1.6."""

_PUBLIC_LABEL = "PUBLIC KEY"
_PUBLIC_DER_HEAD = bytes.fromhex("302a300506032b6570032100")
"""SubjectPublicKeyInfo up to the key. Source: RFC 8410 section 4."""

_PRIVATE_LABEL = "PRIVATE KEY"
_PRIVATE_V1_DER_HEAD = bytes.fromhex("302e020100300506032b657004220420")
"""PKCS#8 version 1 up to the seed. Source: RFC 8410 section 7; lifecycles 1.3."""

_PRIVATE_V2_DER_HEAD = bytes.fromhex("3051020101300506032b657004220420")
_PRIVATE_V2_DER_PUBLIC = bytes.fromhex("812100")
"""PKCS#8 version 2, which adds the public key. Source: RFC 5958 section 2; lifecycles 1.3."""


class VerifyKey(msgspec.Struct, frozen=True, kw_only=True):
    """An Ed25519 public key, 32 bytes.

    A point that is off the curve, of low order or not in canonical form is refused, because
    signatures can be made for some of those without any private key.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != PUBLIC_KEY_BYTES:
            raise InvariantError("verify_key", f"must have {PUBLIC_KEY_BYTES} bytes")
        if not crypto_core_ed25519_is_valid_point(self.raw):
            raise InvariantError("verify_key", "must be a point of the prime-order subgroup")

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """Read exactly one SubjectPublicKeyInfo block.

        Raises:
            BadPEM: It is not PEM, not an Ed25519 key, or not a usable one.
        """
        der = read_pem(text, _PUBLIC_LABEL)
        raw = der.removeprefix(_PUBLIC_DER_HEAD)
        if raw == der:
            raise BadPEM("the block holds something else")
        try:
            return cls(raw=raw)
        except InvariantError as exc:
            raise BadPEM(f"the public key {exc.problem}") from None

    def to_pem(self) -> str:
        """Return SubjectPublicKeyInfo with LF line ends."""
        return write_pem(_PUBLIC_DER_HEAD + self.raw, _PUBLIC_LABEL)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Return if ``signature`` is this key's over ``message``, else raise.

        Raises:
            BadKeySignature: It is not.
        """
        # libsodium takes both joined, so a wrong length would move bytes from one to the other.
        if len(signature) != SIGNATURE_BYTES:
            raise BadKeySignature
        try:
            crypto_sign_open(signature + message, self.raw)
        except BadSignatureError:
            raise BadKeySignature from None


class SigningKey:
    """An Ed25519 private key. It never prints, pickles, copies or compares its secret.

    Equality is that of the public keys, which says the same and tells nothing.
    """

    __slots__ = ("_secret", "_verify_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise InvariantError("seed", f"must have {SEED_BYTES} bytes")
        public, self._secret = crypto_sign_seed_keypair(seed)
        self._verify_key = VerifyKey(raw=public)

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Derive the key pair of a 32-byte seed.

        Raises:
            InvariantError: The seed has another length.
        """
        return cls(seed)

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """Read exactly one PKCS#8 block, of version 1 or 2.

        Raises:
            BadPEM: It is not PEM, not an Ed25519 private key, or its public part belongs to
                another key.
        """
        der = read_pem(text, _PRIVATE_LABEL)
        seed = der[len(_PRIVATE_V1_DER_HEAD) :][:SEED_BYTES]
        if der == _PRIVATE_V1_DER_HEAD + seed and len(seed) == SEED_BYTES:
            return cls(seed)
        public_head = _PRIVATE_V2_DER_HEAD + seed + _PRIVATE_V2_DER_PUBLIC
        if not der.startswith(public_head) or len(der) != len(public_head) + PUBLIC_KEY_BYTES:
            raise BadPEM("the block holds something else")
        key = cls(seed)
        if der[len(public_head) :] != key.verify_key.raw:
            raise BadPEM("the private and the public part belong to different keys")
        return key

    @property
    def verify_key(self) -> VerifyKey:
        """The public half."""
        return self._verify_key

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature; the same message always gives the same one."""
        return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def to_pem(self) -> str:
        """Return PKCS#8 version 1 with LF line ends. The result is a secret."""
        return write_pem(_PRIVATE_V1_DER_HEAD + self._secret[:SEED_BYTES], _PRIVATE_LABEL)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SigningKey):
            return NotImplemented
        return self._verify_key == other._verify_key

    def __hash__(self) -> int:
        return hash(self._verify_key)

    def __repr__(self) -> str:
        return "SigningKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SigningKey cannot be pickled or copied; use to_pem() on purpose")
