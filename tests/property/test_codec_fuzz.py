"""Hostile key texts: the codec against a slow, plain reading of the format by the standard library.

The two must agree on what is a key and on every field of it; nothing but ``BadKeyFormat`` may be
raised; and nothing verifies but what the issuer signed.
"""

import re
from base64 import b32decode, b32encode
from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.errors import BadKeyFormat, BadKeySignature
from keysat_core.signing import LicenseKey, SigningKey, Verifier, parse_key
from keysat_core.signing.license_key import encode_key

SIGNER = SigningKey.from_seed(bytes(range(32)))
VERIFIER = Verifier(SIGNER.verify_key)


@dataclass(frozen=True)
class Reading:
    version: int
    flags: int
    product_id: str
    license_id: str
    issued_at: int
    expires_at: int
    fingerprint_hash: bytes
    entitlements: tuple[str, ...]
    signed_bytes: bytes
    signature: bytes


class Reader:
    """Takes fields off the front of some bytes."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def take(self, size: int) -> bytes:
        taken = self.raw[self.at : self.at + size]
        self.at += size
        if len(taken) != size:
            raise ValueError(size)
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def instant(self) -> int:
        number = self.number(8)
        return number - 2**64 if number >= 2**63 else number


def reference_base32(text: str) -> bytes:
    if not re.fullmatch("[A-Za-z2-7]*", text):
        raise ValueError(text)
    upper = "".join(chr(ord(char) - 32) if "a" <= char <= "z" else char for char in text)
    raw = b32decode(upper + "=" * (-len(upper) % 8))
    if b32encode(raw).decode().rstrip("=") != upper:
        raise ValueError(text)
    return raw


def reference_trim(text: str) -> str:
    def is_white(char: str) -> bool:
        return char.isspace() and not "\x1c" <= char <= "\x1f"

    while text and is_white(text[0]):
        text = text[1:]
    while text and is_white(text[-1]):
        text = text[:-1]
    return text


def reference_parse(text: str) -> Reading:
    """Read a key, or raise some ``ValueError``."""
    prefix, payload_part, signature_part = reference_trim(text).split("-")
    if prefix != "LIC1":
        raise ValueError(prefix)
    raw = reference_base32(payload_part)
    signature = reference_base32(signature_part)
    if len(signature) != 64:
        raise ValueError(signature)
    reader = Reader(raw)
    version = reader.number(1)
    if version not in {1, 2}:
        raise ValueError(version)
    reading = Reading(
        version=version,
        flags=reader.number(1),
        product_id=str(UUID(bytes=reader.take(16))),
        license_id=str(UUID(bytes=reader.take(16))),
        issued_at=reader.instant(),
        expires_at=reader.instant() if version == 2 else 0,
        fingerprint_hash=reader.take(32),
        entitlements=tuple(
            reader.take(reader.number(1)).decode("utf-8")
            for _ in range(reader.number(1) if version == 2 else 0)
        ),
        signed_bytes=raw,
        signature=signature,
    )
    if reader.at != len(raw):
        raise ValueError(raw)
    return reading


def reading_of(key: LicenseKey) -> Reading:
    payload = {name: getattr(key.payload, name) for name in key.payload.__struct_fields__}
    return Reading(**payload, signed_bytes=key.signed_bytes, signature=key.signature)


def read_both(text: str) -> LicenseKey | None:
    """Read ``text`` with both parsers, insist that they agree, return what they read."""
    try:
        expected = reference_parse(text)
    except ValueError:
        with pytest.raises(BadKeyFormat):
            parse_key(text)
        return None
    key = parse_key(text)
    assert reading_of(key) == expected
    upper = reference_trim(text).encode("ascii").upper().decode()
    assert encode_key(key.signed_bytes, key.signature) == upper
    return key


def bare_base32(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=")


HEADS = [
    bytes([1, 1]) + bytes(range(72)),
    bytes([2, 2]) + bytes(range(80)) + b"\x00",
    bytes([2, 0]) + b"\xff" * 80 + b"\x01\x03pro",
    bytes([2, 0]) + bytes(80) + b"\x02\x03pro\x06a-b_c\xc3",
    bytes([2, 3]) + bytes(80) + b"\x03\x03pro\x00\x02\xc3\xa9",
]
ISSUED = {head: SIGNER.sign(head) for head in HEADS}
KEYS = [encode_key(head, signature) for head, signature in ISSUED.items()]

odd_chars = st.sampled_from(
    "ABZ237abz0189=-_+ \n\t\0\x1c\x85\xa0\u0131\u017f\u00df\uff21\u2003\ud800"
)
edits = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 2), st.one_of(odd_chars, st.text(max_size=2))),
    min_size=1,
    max_size=4,
)
whole_parts = st.lists(
    st.sampled_from(
        ["LIC1", "lic1", "LIC2", "", "-", " ", *KEYS, *(k.split("-")[1] for k in KEYS)]
    ),
    max_size=4,
).map("-".join)
payload_bytes = st.one_of(
    st.binary(max_size=100),
    st.builds(
        lambda head, at, patch, cut: (head[:at] + patch + head[at + len(patch) :])[:cut],
        st.sampled_from(HEADS),
        st.integers(0, 95),
        st.binary(max_size=3),
        st.integers(70, 110),
    ),
    st.builds(
        lambda count, tail: bytes([2, 0]) + bytes(80) + bytes([count]) + tail,
        st.integers(0, 6),
        st.lists(
            st.one_of(
                st.text(max_size=5).map(lambda s: s.encode("utf-8", "surrogatepass")),
                st.binary(max_size=4),
            ).map(lambda raw: bytes([len(raw)]) + raw),
            max_size=6,
        ).map(b"".join),
    ),
)
signature_bytes = st.one_of(
    st.binary(min_size=64, max_size=64),
    st.binary(max_size=80),
    st.sampled_from(list(ISSUED.values())),
)


def edited(text: str, changes: list[tuple[int, int, str]]) -> str:
    for at, removed, inserted in changes:
        text = text[:at] + inserted + text[at + removed :]
    return text


@settings(deadline=None, max_examples=800)
@given(st.sampled_from(KEYS), edits)
def test_an_edited_key_is_read_alike_and_never_accepted_as_something_else(
    text: str, changes: list[tuple[int, int, str]]
) -> None:
    key = read_both(edited(text, changes))
    if key is None:
        return
    if ISSUED.get(key.signed_bytes) == key.signature:
        assert VERIFIER.verify(key) == key
    else:
        with pytest.raises(BadKeySignature):
            VERIFIER.verify(key)


@settings(deadline=None, max_examples=800)
@given(payload_bytes, signature_bytes)
def test_any_payload_is_read_alike_and_accepted_only_if_issued(
    raw: bytes, signature: bytes
) -> None:
    key = read_both(f"LIC1-{bare_base32(raw)}-{bare_base32(signature)}")
    if key is not None and ISSUED.get(raw) != signature:
        with pytest.raises(BadKeySignature):
            VERIFIER.verify(key)


@settings(deadline=None, max_examples=600)
@given(payload_bytes)
def test_any_signed_payload_is_read_alike(raw: bytes) -> None:
    key = read_both(f"LIC1-{bare_base32(raw)}-{bare_base32(SIGNER.sign(raw))}")
    if key is not None:
        assert VERIFIER.verify(key).signed_bytes == raw


@settings(deadline=None, max_examples=500)
@given(st.text() | whole_parts)
def test_arbitrary_text_is_read_alike(text: str) -> None:
    read_both(text)


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=400), st.sampled_from(["", "LIC1-", KEYS[0], KEYS[1][:-20]]))
def test_arbitrary_bytes_as_text_are_read_alike(raw: bytes, before: str) -> None:
    read_both(before + raw.decode("latin-1"))
    read_both(before + raw.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("filler", ["A", "7", "-", " ", "\u00e9", "\ud800", "LIC1-", "\0"])
@pytest.mark.parametrize("length", [131_071, 131_072, 131_073, 3_000_000])
def test_a_huge_text_is_refused(filler: str, length: int) -> None:
    for text in (filler * length, ("LIC1-" + filler * length)[:length], KEYS[1] + filler * length):
        with pytest.raises(BadKeyFormat):
            parse_key(text)
