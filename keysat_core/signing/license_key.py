"""The LIC1 license key: its text, its payload, and how one becomes the other. Sans-IO.

``LIC1-<base32(payload)>-<base32(signature)>``. Nothing here checks a signature or knows the
time; ``verifier`` does. Version 1 payloads are read for ever and never written.

Source: lifecycles 1.1 (envelope) and 1.2 (payload); public-api 17.5.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

import msgspec

from keysat_core.errors import BadKeyFormat, InvariantError
from keysat_core.limits import KEY_CHARS_MAX
from keysat_core.signing.base32 import decode_base32, encode_base32
from keysat_core.signing.entitlement_list import read_entitlements, write_entitlements
from keysat_core.signing.keys import SIGNATURE_BYTES

FLAG_FINGERPRINT_BOUND = 1
"""The key is for one machine. Source: lifecycles 1.2, flags bit 0."""

FLAG_TRIAL = 2
"""The key is of a trial. Source: lifecycles 1.2, flags bit 1."""

FINGERPRINT_HASH_BYTES = 32
"""SHA-256. Source: lifecycles 1.2."""

VERSION_READ_ONLY = 1
VERSION_WRITTEN = 2

_PREFIX = b"LIC1"
_WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What may surround a key: the characters with the Unicode property White_Space.

``str.strip()`` without an argument would also take U+001C to U+001F, which have it not.
"""

_V1 = Struct(">BB16s16sq32s")
_V2_HEAD = Struct(">BB16s16sqq32sB")
"""Up to and including the entitlement count. Instants are read as signed (lifecycles 1.2)."""

SHARED_MAX = 64
"""Products, and lists of entitlements, whose reading is remembered."""

SHARED_BYTES_MAX = 1_024
"""Longest list of entitlements whose reading is remembered."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANT_END = 1 << 63


class LicensePayload(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a license key says. Instants are Unix seconds.

    A payload that was read may hold what is never written: version 1, unknown flag bits, instants
    below zero (2^63 and above on the wire), empty entitlements.

    Attributes:
        version: 1 or 2. Version 1 has neither expiry nor entitlements.
        flags: The whole byte, unknown bits included.
        product_id: Lower-case hyphenated UUID.
        license_id: Lower-case hyphenated UUID.
        issued_at: When the license was issued.
        expires_at: First instant at which the key is expired; 0 is never.
        fingerprint_hash: 32 bytes, SHA-256; without meaning unless ``is_fingerprint_bound``.
        entitlements: In the order of the license; duplicates are kept.
    """

    version: int
    flags: int
    product_id: str
    license_id: str
    issued_at: int
    expires_at: int
    fingerprint_hash: bytes
    entitlements: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.version not in (VERSION_READ_ONLY, VERSION_WRITTEN):
            raise InvariantError("version", "must be 1 or 2")
        if self.version == VERSION_READ_ONLY and (self.expires_at or self.entitlements):
            raise InvariantError("version", "must be 2 for an expiry or entitlements")
        if self.flags >> 8:
            raise InvariantError("flags", "must fit one byte")
        if len(self.fingerprint_hash) != FINGERPRINT_HASH_BYTES:
            raise InvariantError("fingerprint_hash", f"must have {FINGERPRINT_HASH_BYTES} bytes")
        for field, text in (("product_id", self.product_id), ("license_id", self.license_id)):
            if not _UUID.fullmatch(text):
                raise InvariantError(field, "must be a lower-case hyphenated UUID")

    @property
    def is_fingerprint_bound(self) -> bool:
        """The key is for the machine of ``fingerprint_hash`` only."""
        return bool(self.flags & FLAG_FINGERPRINT_BOUND)

    @property
    def is_trial(self) -> bool:
        """The key is of a trial."""
        return bool(self.flags & FLAG_TRIAL)

    @property
    def is_perpetual(self) -> bool:
        """The key never expires."""
        return self.expires_at == 0

    def is_expired_at(self, now: int) -> bool:
        """Tell whether ``now`` has reached the expiry. There is no grace."""
        return self.expires_at != 0 and now >= self.expires_at


class LicenseKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as read. That ``parse_key`` returned it says nothing about who signed it.

    Attributes:
        payload: What it says.
        signature: 64 bytes.
        signed_bytes: The payload as received; the signature is over these and no others.
    """

    payload: LicensePayload
    signature: bytes
    signed_bytes: bytes


def parse_key(text: str) -> LicenseKey:
    """Read a key as a person pasted it: white space around it and letter case do not matter.

    The prefix ``LIC1`` is the exception and must be in upper case.

    Raises:
        BadKeyFormat: It is not a license key. Nothing else is raised, whatever the text.
    """
    if not isinstance(text, str):
        raise BadKeyFormat("it is not text")
    if len(text) > KEY_CHARS_MAX:
        raise BadKeyFormat("it is too long")
    try:
        parts = text.strip(_WHITE_SPACE).encode("ascii").split(b"-", 2)
    except UnicodeEncodeError:
        raise BadKeyFormat("it holds a character that is not base32") from None
    if len(parts) != 3 or parts[0] != _PREFIX:  # noqa: PLR2004
        raise BadKeyFormat("it is not of the form LIC1-payload-signature")
    signed_bytes = decode_base32(parts[1])
    signature = decode_base32(parts[2])
    payload = parse_payload(signed_bytes)
    if len(signature) != SIGNATURE_BYTES:
        raise BadKeyFormat("its signature has a wrong length")
    return LicenseKey(payload=payload, signature=signature, signed_bytes=signed_bytes)


def parse_payload(raw: bytes) -> LicensePayload:
    """Read the payload of a key, of either version.

    Raises:
        BadKeyFormat: Its version is unknown, or its length or entitlement list is wrong.
    """
    match raw[:1]:
        case b"\x01":
            return _parse_v1(raw)
        case b"\x02":
            return _parse_v2(raw)
        case _:
            raise BadKeyFormat("its version is unknown")


def _parse_v1(raw: bytes) -> LicensePayload:
    if len(raw) != _V1.size:
        raise BadKeyFormat("its payload has a wrong length")
    version, flags, product, license, issued_at, fingerprint_hash = _V1.unpack(raw)
    return LicensePayload(
        version=version,
        flags=flags,
        product_id=_uuid_text(product),
        license_id=_uuid_text(license),
        issued_at=issued_at,
        expires_at=0,
        fingerprint_hash=fingerprint_hash,
        entitlements=(),
    )


def _parse_v2(raw: bytes) -> LicensePayload:
    if len(raw) < _V2_HEAD.size:
        raise BadKeyFormat("its payload has a wrong length")
    version, flags, product, license, issued_at, expires_at, fingerprint_hash, count = (
        _V2_HEAD.unpack_from(raw)
    )
    return LicensePayload(
        version=version,
        flags=flags,
        product_id=_shared_uuid_text(product),
        license_id=_uuid_text(license),
        issued_at=issued_at,
        expires_at=expires_at,
        fingerprint_hash=fingerprint_hash,
        entitlements=_entitlements(raw[_V2_HEAD.size :], count),
    )


def check_entitlements(slugs: Sequence[str]) -> None:
    """Return if a key may be issued with these entitlements, else raise. Call before writing any row.

    Keys that old servers issued may hold empty ones (lifecycles 1.2).

    Raises:
        InvariantError: There are more than 255, or one has not 1 to 255 bytes of UTF-8.
    """
    write_entitlements(slugs)
    if "" in slugs:
        raise InvariantError("entitlements", "must each have 1 to 255 bytes of UTF-8")


def encode_payload(payload: LicensePayload) -> bytes:
    """Write a version 2 payload, such that ``parse_payload`` gives it back.

    Raises:
        InvariantError: It has another version, a flag bit without meaning, an instant outside
            ``0 <= t < 2^63``, more than 255 entitlements, or one of more than 255 bytes of UTF-8.
    """
    if payload.version != VERSION_WRITTEN:
        raise InvariantError("version", "must be 2, because version 1 is only read")
    if payload.flags & ~(FLAG_FINGERPRINT_BOUND | FLAG_TRIAL):
        raise InvariantError("flags", "must hold known bits only")
    for field in ("issued_at", "expires_at"):
        if not 0 <= getattr(payload, field) < _INSTANT_END:
            raise InvariantError(field, "must be Unix seconds from 0 to 2^63 - 1")
    entitlements = write_entitlements(payload.entitlements)
    head = _V2_HEAD.pack(
        VERSION_WRITTEN,
        payload.flags,
        _uuid_bytes(payload.product_id),
        _uuid_bytes(payload.license_id),
        payload.issued_at,
        payload.expires_at,
        payload.fingerprint_hash,
        len(payload.entitlements),
    )
    return head + entitlements


def encode_key(payload_bytes: bytes, signature: bytes) -> str:
    """Write the text of a key, in upper case and on one line.

    Raises:
        InvariantError: The signature has not 64 bytes.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise InvariantError("signature", f"must have {SIGNATURE_BYTES} bytes")
    return f"LIC1-{encode_base32(payload_bytes)}-{encode_base32(signature)}"


def _uuid_text(raw: bytes) -> str:
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


# Keys of one product say the same here, so reading it again gives the same objects, which is
# quicker and takes less memory where many payloads are kept. Forged keys come here too.
_shared_uuid_text = lru_cache(maxsize=SHARED_MAX)(_uuid_text)
_shared_entitlements = lru_cache(maxsize=SHARED_MAX)(read_entitlements)


def _entitlements(raw: bytes, count: int) -> tuple[str, ...]:
    return (_shared_entitlements if len(raw) <= SHARED_BYTES_MAX else read_entitlements)(raw, count)


def _uuid_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))
