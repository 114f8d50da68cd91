"""License keys: parse, sign and verify them. Needs nothing but this package and a public key.

A program that was sold with Keysat checks its key like this::

    from keysat_core.signing import Verifier

    verifier = Verifier.from_pem(PUBLIC_KEY_PEM)
    license = verifier.verify(text_from_user, now=unix_seconds).payload

``verify`` returns a ``LicenseKey`` or raises a leaf of ``keysat_core.errors.LicenseKeyError``.
"""

from keysat_core.signing.keys import SigningKey, VerifyKey
from keysat_core.signing.license_key import LicenseKey, LicensePayload, parse_key
from keysat_core.signing.verifier import Verifier, fingerprint_hash

__all__ = [
    "LicenseKey",
    "LicensePayload",
    "SigningKey",
    "Verifier",
    "VerifyKey",
    "fingerprint_hash",
    "parse_key",
]
