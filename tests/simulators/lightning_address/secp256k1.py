"""Recoverable ECDSA signatures over secp256k1, as a lightning node puts them under its invoices.

Only signing and the public key that belongs to a signature. It takes no care to run in constant
time and is fit for tests alone. Source: SEC 1 v2 section 4.1; RFC 6979 section 3.2 for the nonce.
"""

import hashlib
import hmac
from functools import cache
from typing import Final

PRIME: Final = 2**256 - 2**32 - 977
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_Point = tuple[int, int]
_GENERATOR: Final[_Point] = (
    0x79BE667E_F9DCBBAC_55A06295_CE870B07_029BFCDB_2DCE28D9_59F2815B_16F81798,
    0x483ADA77_26A3C465_5DA4FBFC_0E1108A8_FD17B448_A6855419_9C47D08F_FB10D4B8,
)
_PLACES: Final = 64
_DIGITS: Final = 15


def sign_recoverable(key: int, digest: bytes) -> bytes:
    """Sign a digest of 32 bytes: r and s of 32 bytes each with a low s, then the recovery number.

    The same key and digest always give the same signature.
    """
    for nonce in Nonces(key, digest):
        x, y = _times_generator(nonce)
        r = x % ORDER
        s = pow(nonce, -1, ORDER) * (int.from_bytes(digest) + r * key) % ORDER
        if r and s:
            recovery = (y & 1) | (2 if x >= ORDER else 0)
            if s > ORDER // 2:
                s, recovery = ORDER - s, recovery ^ 1
            return r.to_bytes(32) + s.to_bytes(32) + bytes([recovery])
    raise AssertionError  # the nonces never end


def public_key(key: int) -> bytes:
    """Give the compressed public key of a private one: 33 bytes."""
    x, y = _times_generator(key)
    return bytes([2 | y & 1]) + x.to_bytes(32)


def recovered_public_key(signature: bytes, digest: bytes) -> bytes:
    """Give the compressed public key whose owner made a signature of ``sign_recoverable``."""
    r, s, recovery = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64]
    x = r + ORDER * (recovery >> 1)
    y = pow(x**3 + 7, (PRIME + 1) // 4, PRIME)
    if (y ^ recovery) & 1:
        y = PRIME - y
    inverse = pow(r, -1, ORDER)
    left = _times((x, y), s * inverse % ORDER)
    x, y = _sum(left, _times_generator(-int.from_bytes(digest) * inverse % ORDER))
    return bytes([2 | y & 1]) + x.to_bytes(32)


class Nonces:
    """The nonces RFC 6979 draws from a key and a digest, in order. It never ends."""

    def __init__(self, key: int, digest: bytes) -> None:
        seed = key.to_bytes(32) + (int.from_bytes(digest) % ORDER).to_bytes(32)
        self._key = bytes(32)
        self._value = b"\x01" * 32
        for separator in (b"\x00", b"\x01"):
            self._stir(separator + seed)

    def __iter__(self) -> "Nonces":
        return self

    def __next__(self) -> int:
        while True:
            self._value = self._mac(self._value)
            nonce = int.from_bytes(self._value)
            self._stir(b"\x00")
            if 0 < nonce < ORDER:
                return nonce

    def _stir(self, data: bytes) -> None:
        self._key = self._mac(self._value + data)
        self._value = self._mac(self._value)

    def _mac(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, hashlib.sha256)


@cache
def _multiples() -> tuple[tuple[_Point, ...], ...]:
    """Give the generator's multiples by each digit of each place of a hexadecimal number."""
    rows = []
    first = _GENERATOR
    for _ in range(_PLACES):
        row = [first]
        while len(row) < _DIGITS:
            row.append(_sum(row[-1], first))
        rows.append(tuple(row))
        first = _sum(row[-1], first)
    return tuple(rows)


def _times_generator(factor: int) -> _Point:
    digits = [factor >> 4 * place & _DIGITS for place in range(_PLACES)]
    return _total(
        [row[digit - 1] for row, digit in zip(_multiples(), digits, strict=True) if digit]
    )


def _times(point: _Point, factor: int) -> _Point:
    terms = []
    while factor:
        if factor & 1:
            terms.append(point)
        point, factor = _sum(point, point), factor >> 1
    return _total(terms)


def _total(points: list[_Point]) -> _Point:
    total, *rest = points
    for point in rest:
        total = _sum(total, point)
    return total


def _sum(left: _Point, right: _Point) -> _Point:
    """Add two points; the point at infinity, which has no coordinates, never comes up here."""
    (x1, y1), (x2, y2) = left, right
    if left == right:
        slope = 3 * x1 * x1 * pow(2 * y1, -1, PRIME) % PRIME
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, PRIME) % PRIME
    x = (slope * slope - x1 - x2) % PRIME
    return x, (slope * (x1 - x) - y1) % PRIME
