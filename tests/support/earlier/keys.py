"""License keys and key files as the earlier server made them, by nothing but libsodium.

Our own codec is not used, so that both can be held against each other (lifecycles 1).
"""

import base64
import re
from datetime import UTC, datetime
from hashlib import sha256
from struct import pack
from typing import Final
from uuid import UUID

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

PUBLIC_HEAD: Final = bytes.fromhex("302a300506032b6570032100")
PRIVATE_V1_HEAD: Final = bytes.fromhex("302e020100300506032b657004220420")
PRIVATE_V2_HEAD: Final = bytes.fromhex("3051020101300506032b657004220420")
PRIVATE_V2_PUBLIC: Final = bytes.fromhex("812100")
TRIAL: Final = 2
INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    re.ASCII,
)
"""RFC 3339 section 5.6, and what SQLite's clock writes (lifecycles 0)."""


def public_key_of(seed: bytes) -> bytes:
    """Give the public half."""
    public, _ = crypto_sign_seed_keypair(seed)
    return public


def public_pem(seed: bytes) -> str:
    """Spell the public key as SubjectPublicKeyInfo."""
    return _pem("PUBLIC KEY", PUBLIC_HEAD + public_key_of(seed))


def private_pem(seed: bytes) -> str:
    """Spell the private key as PKCS#8 of version 2, which existing databases hold."""
    der = PRIVATE_V2_HEAD + seed + PRIVATE_V2_PUBLIC + public_key_of(seed)
    return _pem("PRIVATE KEY", der)


def seed_in(pem: str) -> bytes:
    """Take the seed out of a private key of either version."""
    der = base64.b64decode("".join(pem.split("-----")[2].split()))
    for head in (PRIVATE_V1_HEAD, PRIVATE_V2_HEAD):
        if der.startswith(head):
            return der[len(head) :][:32]
    raise ValueError("no Ed25519 key in PKCS#8")


def public_in(pem: str) -> bytes:
    """Take the 32 bytes out of a public key."""
    return base64.b64decode("".join(pem.split("-----")[2].split()))[-32:]


def instant_in(text: str | None) -> int | None:
    """Read an instant as the earlier server does, in whole seconds; None if it is none (D33)."""
    if text is None or not INSTANT.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    # Without an offset it was written by SQLite's own clock.
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() // 1)


def key_seconds(text: str | None) -> int:
    """Give the seconds that a key says; what cannot be read is never (D33)."""
    return instant_in(text) or 0


def license_key(
    seed: bytes,
    *,
    product_id: str,
    license_id: str,
    issued_at: int,
    expires_at: int,
    is_trial: bool,
    entitlements: list[str],
) -> str:
    """Sign a version 2 key that is bound to no machine (lifecycles 1.4)."""
    head = pack(
        ">BB16s16sQQ32sB",
        2,
        TRIAL if is_trial else 0,
        UUID(product_id).bytes,
        UUID(license_id).bytes,
        issued_at,
        expires_at,
        bytes(32),
        len(entitlements),
    )
    texts = [each.encode() for each in entitlements]
    return _sealed(seed, head + b"".join(bytes([len(text)]) + text for text in texts))


def first_license_key(
    seed: bytes, *, product_id: str, license_id: str, issued_at: int, fingerprint: str | None
) -> str:
    """Sign a version 1 key, as servers did before licenses could end (lifecycles 1.2)."""
    bound = bytes(32) if fingerprint is None else sha256(fingerprint.encode()).digest()
    payload = pack(
        ">BB16s16sQ32s",
        1,
        0 if fingerprint is None else 1,
        UUID(product_id).bytes,
        UUID(license_id).bytes,
        issued_at,
        bound,
    )
    return _sealed(seed, payload)


def _sealed(seed: bytes, payload: bytes) -> str:
    _, secret = crypto_sign_seed_keypair(seed)
    signature = crypto_sign(payload, secret)[:64]
    parts = (base64.b32encode(part).decode().rstrip("=") for part in (payload, signature))
    return "-".join(("LIC1", *parts))


def _pem(label: str, der: bytes) -> str:
    body = base64.b64encode(der).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
