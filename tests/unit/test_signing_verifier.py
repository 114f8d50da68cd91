"""The embedding API: what an accepted key means, and which refusal comes first."""

import pytest
from msgspec.structs import replace

import keysat_core.signing as public_api
from keysat_core.errors import (
    BadKeyFormat,
    BadKeySignature,
    BadPEM,
    FingerprintMismatch,
    InvariantError,
    KeyExpired,
    LicenseKeyError,
)
from keysat_core.signing import (
    LicensePayload,
    SigningKey,
    Verifier,
    fingerprint_hash,
    parse_key,
)
from keysat_core.signing.license_key import FLAG_FINGERPRINT_BOUND, encode_key, encode_payload

ISSUER = SigningKey.from_seed(bytes(range(32)))
STRANGER = SigningKey.from_seed(bytes(32))
VERIFIER = Verifier.from_pem(ISSUER.verify_key.to_pem())
BOUND = LicensePayload(
    version=2,
    flags=FLAG_FINGERPRINT_BOUND,
    product_id="00112233-4455-4677-8899-aabbccddeeff",
    license_id="01234567-89ab-4def-8123-456789abcdef",
    issued_at=1_000,
    expires_at=2_000,
    fingerprint_hash=fingerprint_hash("rig-1"),
    entitlements=("pro",),
)


def issue(payload: LicensePayload, issuer: SigningKey = ISSUER) -> str:
    raw = encode_payload(payload)
    return encode_key(raw, issuer.sign(raw))


def test_a_key_of_the_issuer_is_accepted_as_text_and_as_parsed() -> None:
    key = VERIFIER.verify(issue(BOUND))
    assert key.payload == BOUND
    assert VERIFIER.verify(key) == key
    assert Verifier(ISSUER.verify_key).verify(issue(BOUND)) == key


def test_a_key_of_another_issuer_is_refused() -> None:
    with pytest.raises(BadKeySignature):
        VERIFIER.verify(issue(BOUND, STRANGER))


def test_a_text_that_is_no_key_is_refused() -> None:
    with pytest.raises(BadKeyFormat):
        VERIFIER.verify("LIC1-A-A")


def test_without_a_clock_or_fingerprint_neither_is_checked() -> None:
    assert VERIFIER.verify(issue(BOUND)).payload.is_expired_at(2_000)


def test_an_expired_key_is_refused_from_its_expiry_on() -> None:
    key = issue(BOUND)
    assert VERIFIER.verify(key, now=1_999).payload == BOUND
    with pytest.raises(KeyExpired) as refusal:
        VERIFIER.verify(key, now=2_000)
    assert refusal.value.expires_at == 2_000


def test_a_perpetual_key_is_accepted_at_any_time() -> None:
    key = issue(replace(BOUND, expires_at=0))
    assert VERIFIER.verify(key, now=2**62).payload.is_perpetual


def test_a_bound_key_is_accepted_on_its_machine_only() -> None:
    key = issue(BOUND)
    assert VERIFIER.verify(key, fingerprint="rig-1").payload == BOUND
    for fingerprint in ("rig-2", "RIG-1", " rig-1", ""):
        with pytest.raises(FingerprintMismatch):
            VERIFIER.verify(key, fingerprint=fingerprint)


def test_an_unbound_key_is_accepted_on_any_machine() -> None:
    key = issue(replace(BOUND, flags=0))
    assert not VERIFIER.verify(key, fingerprint="rig-2").payload.is_fingerprint_bound


def test_a_fingerprint_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvariantError):
        VERIFIER.verify(issue(BOUND), fingerprint="\ud800")


def test_the_signature_is_checked_before_the_expiry_and_that_before_the_fingerprint() -> None:
    with pytest.raises(BadKeySignature):
        VERIFIER.verify(issue(BOUND, STRANGER), now=2_000, fingerprint="rig-2")
    with pytest.raises(KeyExpired):
        VERIFIER.verify(issue(BOUND), now=2_000, fingerprint="rig-2")


def test_a_payload_put_beside_a_good_signature_is_refused() -> None:
    key = parse_key(issue(BOUND))
    with pytest.raises(BadKeySignature):
        VERIFIER.verify(replace(key, payload=replace(BOUND, expires_at=0)))


def test_every_refusal_of_a_key_is_one_kind_of_error() -> None:
    for text in ("", issue(BOUND, STRANGER)):
        with pytest.raises(LicenseKeyError):
            VERIFIER.verify(text)


def test_a_damaged_public_key_is_refused_at_once() -> None:
    with pytest.raises(BadPEM):
        Verifier.from_pem("junk")


def test_a_fingerprint_is_hashed_exactly_as_received() -> None:
    assert fingerprint_hash("rig-1").hex() == (
        "144b3e692694b08bdcb3d467aeb352e21d287697753051b3f2f8cb049bab1139"
    )
    assert fingerprint_hash("rig-1\n") != fingerprint_hash("rig-1")
    assert fingerprint_hash("e\u0301") != fingerprint_hash("\u00e9")


def test_the_documented_names_are_importable() -> None:
    for name in public_api.__all__:
        assert getattr(public_api, name).__name__ == name
