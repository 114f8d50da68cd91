"""Keys for tests: the good ones verify, and each of the others is refused as it says."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from keysat_core.errors import BadKeyFormat, BadKeySignature, FingerprintMismatch, KeyExpired
from keysat_core.signing import LicensePayload, SigningKey, Verifier, VerifyKey, parse_key
from keysat_core.signing.license_key import encode_payload, parse_payload
from keysat_core.testing import strategies
from keysat_core.testing.clock import START
from keysat_core.testing.strategies import RefusedKey

SIGNER: Final = SigningKey.from_seed(bytes(range(32)))
VERIFIER: Final = Verifier(SIGNER.verify_key)
HERE: Final = "this machine"
NEVER: Final[dict[int, dict[str, object]]] = {1: {"expires_at": 0, "entitlements": ()}, 2: {}}

FORGERIES: Final = {"other signer", "other payload", "bit", "zeros", "transplant"}
MALFORMATIONS: Final = {
    "prefix",
    "no signature",
    "no parts",
    "a part too many",
    "stranger in the payload",
    "padding",
    "lengths",
    "spare bits",
    "short signature",
    "too long",
    "unknown version",
    "cut",
    "cut version 1",
    "version 1 and more",
    "bytes behind",
    "entitlement count",
    "entitlement is not UTF-8",
    "other text",
}


def check_refused(key: RefusedKey) -> None:
    with pytest.raises(key.leaf) as refusal:
        VERIFIER.verify(key.text, now=START, fingerprint=HERE)
    assert type(refusal.value) is key.leaf, key.trick


def tricks(keys: SearchStrategy[RefusedKey]) -> set[str]:
    """Check many keys; give what was done to them."""
    seen: set[str] = set()

    @settings(max_examples=400, database=None, derandomize=True)
    @given(key=keys)
    def check(key: RefusedKey) -> None:
        check_refused(key)
        seen.add(key.trick)

    check()
    return seen


# --- keys that verify ---------------------------------------------------------------------------


@given(text=strategies.license_keys(SIGNER))
def test_a_license_key_verifies(text: str) -> None:
    key = VERIFIER.verify(text)
    assert encode_payload(key.payload) == key.signed_bytes


@given(text=strategies.license_keys(SIGNER, oddities=True))
def test_an_odd_license_key_verifies_too(text: str) -> None:
    assert VERIFIER.verify(text).signature


@given(text=strategies.license_keys(SIGNER, expires_at=0, entitlements=("pro",)))
def test_what_is_fixed_is_what_is_signed(text: str) -> None:
    payload = VERIFIER.verify(text, now=START).payload
    assert payload.is_perpetual
    assert payload.entitlements == ("pro",)


@given(text=strategies.license_keys())
def test_a_key_of_nobody_in_particular_is_still_a_key(text: str) -> None:
    parse_key(text)


@given(payload=strategies.license_payloads(oddities=True))
def test_every_payload_can_be_read(payload: LicensePayload) -> None:
    assert parse_payload(strategies.wire_bytes(payload)) == payload


@given(payload=strategies.license_payloads())
def test_a_plain_payload_is_one_that_servers_write(payload: LicensePayload) -> None:
    assert encode_payload(payload) == strategies.wire_bytes(payload)
    assert payload.is_fingerprint_bound == any(payload.fingerprint_hash)


def oddities(payload: LicensePayload) -> set[str]:
    found = {
        "version 1": payload.version == 1,
        "unknown flags": payload.flags > 3,
        "before 1970": payload.issued_at < 0,
        "empty entitlement": "" in payload.entitlements,
        "repeated entitlement": len(set(payload.entitlements)) < len(payload.entitlements),
        "as written": payload.version == 2 and payload.flags < 4 and payload.issued_at >= 0,
    }
    return {name for name, is_so in found.items() if is_so}


def test_every_oddity_of_the_wire_occurs() -> None:
    seen: set[str] = set()

    @settings(max_examples=400, database=None, derandomize=True)
    @given(payload=strategies.license_payloads(oddities=True))
    def collect(payload: LicensePayload) -> None:
        seen.update(oddities(payload))

    collect()
    assert len(seen) == 6


@pytest.mark.parametrize("version", [1, 2])
def test_an_odd_payload_may_have_its_version_fixed(version: int) -> None:
    @settings(max_examples=50)
    @given(payload=strategies.license_payloads(oddities=True, version=version, **NEVER[version]))
    def check(payload: LicensePayload) -> None:
        assert payload.version == version

    check()


@given(payload=strategies.license_payloads(oddities=True, expires_at=START))
def test_a_payload_that_expires_is_of_version_2(payload: LicensePayload) -> None:
    assert payload.version == 2


@given(signing_key=strategies.signing_keys(), public=strategies.verify_keys())
def test_signing_keys_and_their_public_halves_are_usable(
    signing_key: SigningKey, public: VerifyKey
) -> None:
    signing_key.verify_key.verify(b"message", signing_key.sign(b"message"))
    assert VerifyKey.from_pem(public.to_pem()) == public


# --- keys that do not ---------------------------------------------------------------------------


def test_a_forged_key_is_refused_for_its_signature() -> None:
    assert tricks(strategies.forged_keys(SIGNER)) == FORGERIES


@given(key=strategies.forged_keys(SIGNER, entitlements=("pro",), expires_at=0))
def test_a_forged_key_says_what_the_cheat_wants(key: RefusedKey) -> None:
    assert "pro" in parse_key(key.text).payload.entitlements
    assert key.leaf is BadKeySignature


def test_a_malformed_key_is_refused_for_its_form() -> None:
    assert tricks(strategies.malformed_keys(SIGNER)) == MALFORMATIONS


@given(key=strategies.malformed_keys())
def test_a_malformed_key_needs_no_signer(key: RefusedKey) -> None:
    with pytest.raises(BadKeyFormat):
        parse_key(key.text)


@given(key=strategies.expired_keys(SIGNER, now=START, entitlements=("pro",)))
def test_an_expired_key_is_honest_and_too_late(key: RefusedKey) -> None:
    assert VERIFIER.verify(key.text).payload.entitlements == ("pro",)
    check_refused(key)
    assert key.leaf is KeyExpired


@given(key=strategies.bound_keys(SIGNER, fingerprint=HERE))
def test_a_bound_key_is_honest_and_for_another_machine(key: RefusedKey) -> None:
    assert VERIFIER.verify(key.text, now=START).payload.is_fingerprint_bound
    check_refused(key)
    assert key.leaf is FingerprintMismatch


def test_refused_keys_are_of_every_sort() -> None:
    keys = strategies.refused_keys(SIGNER, now=START, fingerprint=HERE)
    assert {"expired", "bound elsewhere", "bit", "other text"} <= tricks(keys)
