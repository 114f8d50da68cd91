"""Keys of licenses the server has no row of."""

from typing import Final

from keysat_core.signing import SigningKey
from keysat_core.signing.license_key import LicensePayload, encode_key, encode_payload
from tests.support.http import SEED, START

UNKNOWN_ID: Final = "00000000-0000-4000-8000-000000000000"


def signed(
    *, seed: bytes = SEED, license_id: str = UNKNOWN_ID, entitlements: tuple[str, ...] = ()
) -> str:
    """Spell a key, signed by the server under test unless another ``seed`` is given."""
    payload = encode_payload(
        LicensePayload(
            version=2,
            flags=0,
            product_id=UNKNOWN_ID,
            license_id=license_id,
            issued_at=START,
            expires_at=0,
            fingerprint_hash=bytes(32),
            entitlements=entitlements,
        )
    )
    return encode_key(payload, SigningKey.from_seed(seed).sign(payload))
