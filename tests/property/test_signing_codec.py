"""Laws of the codec and of signatures, and agreement with the published client."""

from base64 import b32encode
from uuid import UUID

import keysat_licensing_client as published  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.errors import BadKeyFormat, BadKeySignature, FingerprintMismatch
from keysat_core.signing import (
    LicensePayload,
    SigningKey,
    Verifier,
    fingerprint_hash,
    parse_key,
)
from keysat_core.signing.base32 import encode_base32
from keysat_core.signing.license_key import (
    FLAG_FINGERPRINT_BOUND,
    FLAG_TRIAL,
    encode_key,
    encode_payload,
)

SIGNER = SigningKey.from_seed(bytes(range(32)))
VERIFIER = Verifier(SIGNER.verify_key)
PUBLISHED = published.Verifier(published.PublicKey.from_pem(SIGNER.verify_key.to_pem()))

uuids = st.uuids().map(str)
instants = st.integers(0, 2**63 - 1)
slugs = st.one_of(
    st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=63),
    st.just("x" * 255),
)
payloads = st.builds(
    LicensePayload,
    version=st.just(2),
    flags=st.integers(0, FLAG_FINGERPRINT_BOUND | FLAG_TRIAL),
    product_id=uuids,
    license_id=uuids,
    issued_at=instants,
    expires_at=st.just(0) | instants,
    fingerprint_hash=st.just(bytes(32)) | st.binary(min_size=32, max_size=32),
    entitlements=st.lists(slugs, max_size=12).map(tuple),
)
white_space = st.text(" \t\r\n\u00a0\u2003\u3000", max_size=4)


def issue(payload: LicensePayload) -> str:
    raw = encode_payload(payload)
    return encode_key(raw, SIGNER.sign(raw))


@settings(deadline=None, max_examples=300)
@given(payloads)
def test_reading_gives_back_what_was_written(payload: LicensePayload) -> None:
    key = VERIFIER.verify(issue(payload))
    assert key.payload == payload
    assert encode_payload(key.payload) == key.signed_bytes


@settings(deadline=None, max_examples=200)
@given(payloads)
def test_signing_is_deterministic(payload: LicensePayload) -> None:
    assert issue(payload) == issue(payload)


@settings(deadline=None, max_examples=300)
@given(payloads, white_space, white_space, st.binary(min_size=1, max_size=40))
def test_letter_case_and_outer_white_space_change_nothing(
    payload: LicensePayload, before: str, after: str, lowered: bytes
) -> None:
    text = issue(payload)
    respelled = "LIC1" + "".join(
        letter.lower() if lowered[at % len(lowered)] & 1 else letter
        for at, letter in enumerate(text[4:])
    )
    assert parse_key(before + respelled + after) == parse_key(text)


@settings(deadline=None, max_examples=5)
@given(payloads)
def test_a_flipped_bit_never_verifies(payload: LicensePayload) -> None:
    key = parse_key(issue(payload))
    whole = key.signature + key.signed_bytes
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((BadKeyFormat, BadKeySignature)):
            VERIFIER.verify(encode_key(bytes(flipped[64:]), bytes(flipped[:64])))


@settings(deadline=None, max_examples=200)
@given(payloads, st.binary(min_size=32, max_size=32))
def test_a_key_of_another_issuer_never_verifies(payload: LicensePayload, seed: bytes) -> None:
    stranger = SigningKey.from_seed(seed)
    raw = encode_payload(payload)
    text = encode_key(raw, stranger.sign(raw))
    if stranger == SIGNER:
        return
    with pytest.raises(BadKeySignature):
        VERIFIER.verify(text)


@settings(deadline=None, max_examples=200)
@given(payloads, st.text(st.characters(exclude_categories=["Cs"])), st.text("ab", max_size=3))
def test_a_bound_key_works_on_its_machine_only(
    payload: LicensePayload, fingerprint: str, other: str
) -> None:
    fields = {name: getattr(payload, name) for name in payload.__struct_fields__}
    bound = LicensePayload(
        **fields
        | {"flags": FLAG_FINGERPRINT_BOUND, "fingerprint_hash": fingerprint_hash(fingerprint)}
    )
    text = issue(bound)
    assert VERIFIER.verify(text, fingerprint=fingerprint).payload == bound
    if other != fingerprint:
        with pytest.raises(FingerprintMismatch):
            VERIFIER.verify(text, fingerprint=other)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_base32_is_spelled_as_the_standard_library_spells_it(raw: bytes) -> None:
    assert encode_base32(raw) == b32encode(raw).rstrip(b"=").decode()


@settings(deadline=None, max_examples=300)
@given(payloads, white_space)
def test_the_published_client_reads_our_keys_as_we_do(payload: LicensePayload, outer: str) -> None:
    seen = PUBLISHED.verify(outer + issue(payload) + outer).payload
    assert seen.version == 2
    assert seen.flags == payload.flags
    assert seen.product_id == UUID(payload.product_id)
    assert seen.license_id == UUID(payload.license_id)
    assert seen.issued_at == payload.issued_at
    assert seen.expires_at == payload.expires_at
    assert seen.fingerprint_hash == payload.fingerprint_hash
    assert tuple(seen.entitlements) == payload.entitlements
    assert seen.is_trial is payload.is_trial
    assert seen.is_fingerprint_bound is payload.is_fingerprint_bound
