"""Signing keys, the payloads they sign, and license keys that verify.

Keys that must be refused are in ``refused_keys``.
"""

from struct import Struct
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.limits import ENTITLEMENT_BYTES_MAX
from keysat_core.signing import (
    LicenseKey,
    LicensePayload,
    SigningKey,
    VerifyKey,
    fingerprint_hash,
    parse_key,
)
from keysat_core.signing.keys import SEED_BYTES
from keysat_core.signing.license_key import (
    FINGERPRINT_HASH_BYTES,
    FLAG_FINGERPRINT_BOUND,
    FLAG_TRIAL,
    VERSION_READ_ONLY,
    VERSION_WRITTEN,
    encode_key,
)
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.machines import fingerprints
from keysat_core.testing.strategies.products import entitlements
from keysat_core.testing.strategies.text import texts

_V1: Final = Struct(">BB16s16sq32s")
_V2_HEAD: Final = Struct(">BB16s16sqq32sB")
"""As in ``signing.license_key``; written anew, so that a slip there is not repeated here."""

_UNBOUND: Final = bytes(FINGERPRINT_HASH_BYTES)
_WIRE_INSTANTS: Final = st.integers(-(1 << 63), (1 << 63) - 1)
_WHITE_SPACE: Final = st.text(" \t\r\n\u00a0\u2003\u3000", max_size=3)


def signing_keys() -> SearchStrategy[SigningKey]:
    """Ed25519 key pairs for tests; a failing example shows the seed."""
    return st.builds(SigningKey.from_seed, st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES))


def verify_keys() -> SearchStrategy[VerifyKey]:
    """Public keys whose private half is thrown away."""
    return signing_keys().map(lambda key: key.verify_key)


@st.composite
def license_payloads(draw: st.DrawFn, /, *, oddities: bool = False, **fixed: Any) -> LicensePayload:
    """What keys say: as this server writes it, bound keys of older servers included.

    With ``oddities`` also whatever else the wire allows and every reader must take: version 1,
    unknown flags, instants before 1970, empty and repeated entitlements.
    """
    if oddities and draw(st.booleans()):
        return draw(_odd_payloads(fixed))
    flags: int = fixed.get("flags", draw(st.integers(0, FLAG_FINGERPRINT_BOUND | FLAG_TRIAL)))
    bound = fingerprints().map(fingerprint_hash)
    return draw(
        built(
            LicensePayload,
            fixed,
            version=st.just(VERSION_WRITTEN),
            flags=st.just(flags),
            product_id=ids(),
            license_id=ids(),
            issued_at=instants(),
            expires_at=st.just(0) | instants(1),
            fingerprint_hash=bound if flags & FLAG_FINGERPRINT_BOUND else st.just(_UNBOUND),
            entitlements=entitlements(),
        )
    )


def _odd_payloads(fixed: dict[str, Any]) -> SearchStrategy[LicensePayload]:
    def of_version(version: int) -> SearchStrategy[LicensePayload]:
        is_old = version == VERSION_READ_ONLY
        slug = texts(chars_max=60) | st.just("x" * ENTITLEMENT_BYTES_MAX)
        slugs = st.lists(slug, max_size=6).map(tuple)
        return built(
            LicensePayload,
            fixed,
            version=st.just(version),
            flags=st.integers(0, 0xFF),
            product_id=st.uuids().map(str),
            license_id=st.uuids().map(str),
            issued_at=_WIRE_INSTANTS,
            expires_at=st.just(0) if is_old else _WIRE_INSTANTS,
            fingerprint_hash=st.binary(
                min_size=FINGERPRINT_HASH_BYTES, max_size=FINGERPRINT_HASH_BYTES
            ),
            entitlements=st.just(()) if is_old else slugs,
        )

    needs_new = bool(fixed.get("expires_at") or fixed.get("entitlements"))
    versions = [VERSION_WRITTEN] if needs_new else [VERSION_READ_ONLY, VERSION_WRITTEN]
    version = st.just(fixed["version"]) if "version" in fixed else st.sampled_from(versions)
    return version.flatmap(of_version)


def wire_bytes(payload: LicensePayload) -> bytes:
    """Write any payload, also one that no server writes any more. Source: lifecycles 1.2."""
    product, license = (
        bytes.fromhex(text.replace("-", "")) for text in (payload.product_id, payload.license_id)
    )
    if payload.version == VERSION_READ_ONLY:
        return _V1.pack(
            payload.version,
            payload.flags,
            product,
            license,
            payload.issued_at,
            payload.fingerprint_hash,
        )
    head = _V2_HEAD.pack(
        payload.version,
        payload.flags,
        product,
        license,
        payload.issued_at,
        payload.expires_at,
        payload.fingerprint_hash,
        len(payload.entitlements),
    )
    slugs = [slug.encode() for slug in payload.entitlements]
    return head + b"".join(bytes([len(slug)]) + slug for slug in slugs)


def signed_text(payload_bytes: bytes, signing_key: SigningKey) -> str:
    """Sign bytes, whatever they are, and spell the key."""
    return encode_key(payload_bytes, signing_key.sign(payload_bytes))


@st.composite
def license_keys(
    draw: st.DrawFn,
    /,
    signing_key: SigningKey | None = None,
    *,
    oddities: bool = False,
    **fixed: Any,
) -> str:
    """Text of keys that verify, signed by this key or by any; fields of the payload may be fixed.

    With ``oddities`` also payloads that are only read, and text as people paste it: in lower case,
    with white space around it.
    """
    signer = signing_key or draw(signing_keys())
    payload = draw(license_payloads(oddities=oddities, **fixed))
    text = signed_text(wire_bytes(payload), signer)
    return draw(_pasted(text)) if oddities else text


@st.composite
def parsed_keys(draw: st.DrawFn, /, **fixed: Any) -> LicenseKey:
    """Keys as ``parse_key`` gives them; each is signed by a key of its own."""
    return parse_key(draw(license_keys(oddities=True, **fixed)))


def _pasted(text: str) -> SearchStrategy[str]:
    prefix, _, rest = text.partition("-")
    spelled = st.sampled_from([rest, rest.lower(), rest.swapcase()])
    return st.tuples(_WHITE_SPACE, spelled, _WHITE_SPACE).map(
        lambda parts: f"{parts[0]}{prefix}-{parts[1]}{parts[2]}"
    )
