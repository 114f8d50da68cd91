"""The strict base32 of license keys: no padding, one spelling per value up to letter case.

Not a general codec: what RFC 4648 leaves to the reader is refused here, so that no two key texts
that differ in more than letter case carry the same bytes.

Source: RFC 4648 section 6; lifecycles 1.1 (LIC1 envelope).
"""

from base64 import b32encode

from keysat_core.errors import BadKeyFormat

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_DIGITS = b"0123456789abcdefghijklmnopqrstuv"
_NO_DIGIT = 0xFF
_DIGIT_OF = dict(zip(_ALPHABET + _ALPHABET.lower(), _DIGITS * 2, strict=True))
_TABLE = bytes(_DIGIT_OF.get(byte, _NO_DIGIT) for byte in range(256))

_BITS_PER_CHAR = 5
_BITS_PER_BYTE = 8

_IMPOSSIBLE_TAILS = frozenset({1, 3, 6})
"""Lengths modulo 8 that no whole number of bytes encodes to (RFC 4648 section 6)."""


def decode_base32(text: bytes) -> bytes:
    """Decode one part of a license key, in time linear in its length.

    Raises:
        BadKeyFormat: Another character than ``A-Z a-z 2-7``, an impossible length, or a spare
            bit that is not zero.
    """
    length = len(text)
    if length % 8 in _IMPOSSIBLE_TAILS:
        raise BadKeyFormat("a part has an impossible length")
    if not text:
        return b""
    try:
        # Python reads a numeral in a power-of-two base in linear time and without a digit limit,
        # an order of magnitude faster than base64.b32decode; it cannot see signs, blanks or
        # underscores because the table leaves only digits.
        number = int(text.translate(_TABLE), 32)
    except ValueError:
        # The cause quotes the whole key; logs must not.
        raise BadKeyFormat("a part holds a character that is not base32") from None
    size, spare_bits = divmod(length * _BITS_PER_CHAR, _BITS_PER_BYTE)
    if number & ((1 << spare_bits) - 1):
        raise BadKeyFormat("a part has spare bits that are not zero")
    return (number >> spare_bits).to_bytes(size, "big")


def encode_base32(raw: bytes) -> str:
    """Encode in upper case without padding."""
    return b32encode(raw).rstrip(b"=").decode("ascii")
