"""Licenses of Keysat itself, signed by a trust root of the tests' own."""

from typing import Final

from keysat_core.signing import SigningKey
from keysat_core.signing.license_key import LicensePayload, encode_key, encode_payload
from tests.support.keys import UNKNOWN_ID

SIGNER: Final = SigningKey.from_seed(bytes(32))
TRUST_ROOT: Final = SIGNER.verify_key.to_pem()


def operators_license(*entitlements: str, expires_at: int = 0, license_id: str = UNKNOWN_ID) -> str:
    """Sign a license of Keysat itself, good with the trust root of here."""
    payload = LicensePayload(
        version=2,
        flags=0,
        product_id=UNKNOWN_ID,
        license_id=license_id,
        issued_at=1,
        expires_at=expires_at,
        fingerprint_hash=bytes(32),
        entitlements=entitlements,
    )
    encoded = encode_payload(payload)
    return encode_key(encoded, SIGNER.sign(encoded))
