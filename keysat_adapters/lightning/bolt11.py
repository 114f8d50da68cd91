"""Decoding BOLT11 invoices: text in, values out.

Source: BOLT 11 (Invoice Protocol for Lightning Payments); BIP 173 for bech32. The payee's signature
is not looked at: it binds the invoice to a node, which the paying node checks, and says nothing of
whom we meant to pay.
"""

import re
from collections.abc import Iterator
from typing import Final

from keysat_core.domain.instant import Instant
from keysat_core.domain.lightning import LightningInvoice
from keysat_core.limits import AMOUNT_MAX, INSTANT_MAX

BOLT11_CHARS_MAX: Final = 4_096
"""BOLT 11 sets no limit; this is what fits into the largest QR code."""

DEFAULT_EXPIRY_SECONDS: Final = 3_600
"""BOLT 11, tagged field ``x``."""

_ALPHABET: Final = {sign: n for n, sign in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PREFIX: Final = re.compile(r"ln([a-z]+?)(?:([1-9][0-9]*)([munp])?)?")
_MSAT_PER_BTC: Final = 100_000_000_000
_DIVISORS: Final = {"m": 10**3, "u": 10**6, "n": 10**9, "p": 10**12}

_CHECKSUM_WORDS: Final = 6
_SIGNATURE_WORDS: Final = 104
_TIMESTAMP_WORDS: Final = 7
_HASH_WORDS: Final = 52
"""Words of 32 bytes; BOLT 11: a ``p``, ``h`` or ``s`` of another length is skipped."""

_EXPIRY_WORDS_MAX: Final = 13
"""64 bits: longer than anybody waits, and no number grows without end."""


class UnreadableInvoice(ValueError):
    """Not a BOLT11 invoice that may be paid. Says why; never reaches beyond this package."""


def decode_bolt11(text: str) -> LightningInvoice:
    """Decode an invoice. Fields nobody here asks for are skipped.

    Raises:
        UnreadableInvoice: malformed, its checksum is wrong, or no payment hash is in it.
    """
    prefix, words = _bech32(text)
    network, amount_msat = _amount(prefix)
    if len(words) < _TIMESTAMP_WORDS + _SIGNATURE_WORDS:
        raise UnreadableInvoice("it is cut off")
    created_at = _number(words[:_TIMESTAMP_WORDS])
    fields = dict(_first_of_each(words[_TIMESTAMP_WORDS:-_SIGNATURE_WORDS]))
    if "p" not in fields:
        raise UnreadableInvoice("it has no payment hash")
    expiry = _number(fields["x"]) if "x" in fields else DEFAULT_EXPIRY_SECONDS
    return LightningInvoice(
        bolt11=text.lower(),
        network=network,
        amount_msat=amount_msat,
        payment_hash=_bytes(fields["p"]).hex(),
        description_hash=_bytes(fields["h"]).hex() if "h" in fields else None,
        created_at=Instant(created_at),
        expires_at=Instant(min(created_at + expiry, INSTANT_MAX)),
    )


def _bech32(text: str) -> tuple[str, list[int]]:
    """Give the human-readable part and the words without the checksum (BIP 173)."""
    if len(text) > BOLT11_CHARS_MAX or not text.isascii():
        raise UnreadableInvoice("it is no bech32 text")
    if text.lower() != text and text.upper() != text:
        raise UnreadableInvoice("it mixes upper and lower case")
    prefix, separator, data = text.lower().rpartition("1")
    if not separator or not prefix or len(data) < _CHECKSUM_WORDS:
        raise UnreadableInvoice("it is no bech32 text")
    try:
        words = [_ALPHABET[sign] for sign in data]
    except KeyError:
        raise UnreadableInvoice("it holds a character bech32 has not") from None
    expanded = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    if _polymod(expanded + words) != 1:
        raise UnreadableInvoice("its checksum is wrong")
    return prefix, words[:-_CHECKSUM_WORDS]


def _polymod(words: list[int]) -> int:
    checksum = 1
    for word in words:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate(_GENERATORS):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum


def _amount(prefix: str) -> tuple[str, int | None]:
    """Give the network and the amount in millisatoshis, None if the payer may choose one."""
    found = _PREFIX.fullmatch(prefix)
    if found is None:
        raise UnreadableInvoice("its beginning is not that of a lightning invoice")
    network, digits, multiplier = found.groups()
    if digits is None:
        return network, None
    msat, rest = divmod(int(digits) * _MSAT_PER_BTC, _DIVISORS.get(multiplier, 1))
    if rest:
        raise UnreadableInvoice("its amount is no whole number of millisatoshis")
    if msat > AMOUNT_MAX * 1_000:
        raise UnreadableInvoice("its amount is more than there is")
    return network, msat


def _first_of_each(words: list[int]) -> Iterator[tuple[str, list[int]]]:
    """Give the tagged fields that matter; of a field that comes again, the first counts."""
    seen: set[str] = set()
    position = 0
    while position < len(words):
        if position + 3 > len(words):
            raise UnreadableInvoice("a field is cut off")
        length = words[position + 1] << 5 | words[position + 2]
        data = words[position + 3 : position + 3 + length]
        if len(data) != length:
            raise UnreadableInvoice("a field is cut off")
        tag = _TAGS.get(words[position], "")
        position += 3 + length
        if tag in seen or not _is_sized(tag, length):
            continue
        seen.add(tag)
        yield tag, data


_TAGS: Final = {_ALPHABET[sign]: sign for sign in "phx"}


def _is_sized(tag: str, length: int) -> bool:
    if tag == "x":
        return length <= _EXPIRY_WORDS_MAX
    return tag in {"p", "h"} and length == _HASH_WORDS


def _number(words: list[int]) -> int:
    number = 0
    for word in words:
        number = number << 5 | word
    return number


def _bytes(words: list[int]) -> bytes:
    """Pack words into whole bytes; the bits left over fill up the last word."""
    spare = 5 * len(words) % 8
    return (_number(words) >> spare).to_bytes(5 * len(words) // 8)
