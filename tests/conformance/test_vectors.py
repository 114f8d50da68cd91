"""The frozen vectors that bind us to published clients, byte for byte in both directions."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from keysat_core.errors import BadKeyFormat
from keysat_core.signing import (
    LicensePayload,
    SigningKey,
    Verifier,
    VerifyKey,
    fingerprint_hash,
    parse_key,
)
from keysat_core.signing.license_key import encode_key, encode_payload

VECTORS = Path(__file__).parents[2] / "schema" / "vectors"
LIFECYCLES = json.loads((VECTORS / "lic1-lifecycles.json").read_text("utf-8"))
CROSSCHECK = json.loads((VECTORS / "lic1-crosscheck.json").read_text("utf-8"))
SIGNER = SigningKey.from_seed(bytes.fromhex(LIFECYCLES["seed"]))


def lifecycles_keys() -> list[Any]:
    return [
        pytest.param(
            vector["key"],
            LicensePayload(
                **vector["payload"]
                | {
                    "fingerprint_hash": bytes.fromhex(vector["payload"]["fingerprint_hash"]),
                    "entitlements": tuple(vector["payload"]["entitlements"]),
                }
            ),
            vector["fingerprint"],
            id=vector["name"],
        )
        for vector in LIFECYCLES["keys"]
    ]


def crosscheck_keys() -> list[Any]:
    return [
        pytest.param(
            vector["licenseKey"],
            LicensePayload(
                version=vector["expected"]["version"],
                flags=vector["expected"]["flags"],
                product_id=vector["expected"]["productUuid"],
                license_id=vector["expected"]["licenseUuid"],
                issued_at=vector["expected"]["issuedAt"],
                expires_at=vector["expected"]["expiresAt"],
                fingerprint_hash=bytes.fromhex(vector["expected"]["fingerprintHashHex"]),
                entitlements=tuple(vector["expected"]["entitlements"]),
            ),
            vector["expected"]["fingerprintRaw"],
            id=f"crosscheck {name}",
        )
        for name, vector in CROSSCHECK.items()
        if name != "publicKeyPem"
    ]


every_key = pytest.mark.parametrize(
    ("text", "payload", "fingerprint"), [*lifecycles_keys(), *crosscheck_keys()]
)


def payload_bytes(payload: LicensePayload) -> bytes:
    """Write either version; servers write version 2 only."""
    if payload.version == 2:
        return encode_payload(payload)
    return (
        bytes([payload.version, payload.flags])
        + UUID(payload.product_id).bytes
        + UUID(payload.license_id).bytes
        + payload.issued_at.to_bytes(8, "big")
        + payload.fingerprint_hash
    )


@every_key
def test_a_published_key_reads_as_published(
    text: str, payload: LicensePayload, fingerprint: str | None
) -> None:
    key = Verifier(SIGNER.verify_key).verify(text, now=1_700_000_000, fingerprint=fingerprint)
    assert key.payload == payload
    assert key.signed_bytes == payload_bytes(payload)


@every_key
def test_signing_again_gives_the_published_key(
    text: str, payload: LicensePayload, fingerprint: str | None
) -> None:
    raw = payload_bytes(payload)
    assert encode_key(raw, SIGNER.sign(raw)) == text


@every_key
def test_a_published_fingerprint_has_its_published_hash(
    text: str, payload: LicensePayload, fingerprint: str | None
) -> None:
    expected = bytes(32) if fingerprint is None else fingerprint_hash(fingerprint)
    assert payload.fingerprint_hash == expected
    assert payload.is_fingerprint_bound is (fingerprint is not None)


def test_published_flags_have_their_published_meaning() -> None:
    for name, vector in CROSSCHECK.items():
        if name != "publicKeyPem":
            payload = parse_key(vector["licenseKey"]).payload
            assert payload.is_trial is vector["expected"]["isTrial"]
            assert payload.is_fingerprint_bound is vector["expected"]["isFingerprintBound"]


@pytest.mark.parametrize("pem", [LIFECYCLES["public_key_pem"], CROSSCHECK["publicKeyPem"]])
def test_all_vectors_have_one_issuer(pem: str) -> None:
    assert VerifyKey.from_pem(pem) == SIGNER.verify_key
    assert SIGNER.verify_key.raw.hex() == LIFECYCLES["public_key"]
    assert SIGNER.verify_key.to_pem() == pem


@pytest.mark.parametrize(
    "text", [pytest.param(vector["key"], id=vector["why"]) for vector in LIFECYCLES["rejected"]]
)
def test_what_must_be_rejected_is(text: str) -> None:
    with pytest.raises(BadKeyFormat):
        parse_key(text)
