"""The strict base32 of license keys: no padding, one spelling per value up to letter case.

Not a general codec: what RFC 4648 leaves to the reader is refused here, so that no two key texts
that differ in more than letter case carry the same bytes.

Source: RFC 4648 section 6; lifecycles 1.1 (LIC1 envelope).
"""

from functools import lru_cache
from typing import Final, NamedTuple

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


_BYTES_PER_BLOCK: Final = 5
_CHARS_PER_BLOCK: Final = 8
"""Five bytes are eight characters (RFC 4648 section 6)."""

_LETTERS: Final = _ALPHABET + bytes(256 - len(_ALPHABET))
_SPREADS: Final = ((0xFFFFF, 20, 12, 8), (0x3FF, 10, 6, 4), (0x1F, 5, 3, 2))
"""How 40 bits become 8 bytes of 5: low mask, its width, how far the upper half moves, lane bytes."""


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
    """Encode in upper case without padding, in time linear in the length."""
    # All blocks are spread at once inside one integer, more than twice as fast as base64.b32encode.
    blocks = -(-len(raw) // _BYTES_PER_BLOCK)
    spread = bytearray(blocks * _CHARS_PER_BLOCK)
    padded = raw.ljust(blocks * _BYTES_PER_BLOCK, b"\0")
    spread[3::8] = padded[0::5]
    spread[4::8] = padded[1::5]
    spread[5::8] = padded[2::5]
    spread[6::8] = padded[3::5]
    spread[7::8] = padded[4::5]
    number = int.from_bytes(spread)
    for lower, upper, shift in _halvings(blocks):
        number = number & lower | (number & upper) << shift
    chars = -(-len(raw) * _BITS_PER_BYTE // _BITS_PER_CHAR)
    return number.to_bytes(len(spread)).translate(_LETTERS)[:chars].decode("ascii")


class _Halving(NamedTuple):
    """One step of spreading: which bits of every lane stay, which move up, and how far."""

    lower: int
    upper: int
    shift: int


@lru_cache(maxsize=16)
def _halvings(blocks: int) -> tuple[_Halving, ...]:
    """Give the steps that spread so many blocks. A server's keys have very few lengths."""
    steps = []
    for mask, width, shift, lane_bytes in _SPREADS:
        lanes = blocks * _CHARS_PER_BLOCK // lane_bytes
        lower = int.from_bytes(mask.to_bytes(lane_bytes) * lanes)
        steps.append(_Halving(lower, lower << width, shift))
    return tuple(steps)
