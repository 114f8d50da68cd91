"""Write BOLT11 invoices: real ones, signed, of any content a test may want.

Nothing is read here, so that a decoder under test shares no line with what it reads.
Source: BOLT 11 (Invoice Protocol for Lightning Payments); BIP 173 for bech32.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tests.simulators.lightning_address.secp256k1 import sign_recoverable

ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_TIMESTAMP_WORDS: Final = 7
_MULTIPLIERS: Final = (("", 10**12), ("m", 10**9), ("u", 10**6), ("n", 10**3), ("p", 1))
"""By name, in pico-bitcoin, of which ten are a millisatoshi."""


@dataclass(frozen=True, slots=True)
class Field:
    """A tagged field: its letter, and its data in words of five bits."""

    tag: str
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """What an invoice says. Fields are written in the order given, and none is added."""

    network: str
    """What follows ``ln``: ``bc``, ``tb``, ``tbs`` or ``bcrt``."""
    amount_msat: int | None
    timestamp: int
    fields: tuple[Field, ...]


def bytes_field(tag: str, data: bytes) -> Field:
    """Make a field of bytes: ``p``, ``s``, ``h``, ``n`` and, in UTF-8, ``d``."""
    return Field(tag, tuple(words_of(data)))


def number_field(tag: str, number: int) -> Field:
    """Make a field of a number in as few words as it takes: ``x``, ``c`` and ``9``."""
    count = max(1, -(-number.bit_length() // 5))
    return Field(tag, tuple(words_of_number(number, count)))


def write_invoice(invoice: Invoice, *, key: int) -> str:
    """Sign an invoice by a node's private key and write it."""
    prefix = "ln" + invoice.network + amount_text(invoice.amount_msat)
    words = words_of_number(invoice.timestamp, _TIMESTAMP_WORDS)
    for field in invoice.fields:
        words.append(ALPHABET.index(field.tag))
        words += words_of_number(len(field.words), 2)
        words += field.words
    signature = sign_recoverable(key, signed_digest(prefix, words))
    return bech32(prefix, words + words_of(signature))


def amount_text(amount_msat: int | None) -> str:
    """Write an amount with the multiplier that makes it shortest; nothing for any amount."""
    if amount_msat is None:
        return ""
    pico = amount_msat * 10
    return next(f"{pico // unit}{name}" for name, unit in _MULTIPLIERS if pico % unit == 0)


def signed_digest(prefix: str, words: list[int]) -> bytes:
    """Give what is signed: SHA-256 of the prefix and of the data filled up to whole bytes."""
    padding = -5 * len(words) % 8
    number = 0
    for word in words:
        number = number << 5 | word
    packed = (number << padding).to_bytes((5 * len(words) + padding) // 8)
    return hashlib.sha256(prefix.encode("ascii") + packed).digest()


def words_of(data: bytes) -> list[int]:
    """Cut bytes into words of five bits, the last filled up with zeros."""
    count = -(-8 * len(data) // 5)
    return words_of_number(int.from_bytes(data) << (5 * count - 8 * len(data)), count)


def words_of_number(number: int, count: int) -> list[int]:
    """Write a number in ``count`` words of five bits, the most significant first."""
    return [number >> 5 * place & 31 for place in reversed(range(count))]


def bech32(prefix: str, words: list[int]) -> str:
    """Join prefix, separator, data and checksum. Source: BIP 173."""
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = words_of_number(_polymod([*expanded, *words, 0, 0, 0, 0, 0, 0]) ^ 1, 6)
    return prefix + "1" + "".join(ALPHABET[word] for word in [*words, *checksum])


def _polymod(words: Iterable[int]) -> int:
    checksum = 1
    for word in words:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                checksum ^= generator
    return checksum
