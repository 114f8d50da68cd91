"""License keys that must be refused, each with the leaf it must be refused with.

Every one is a valid key to which one thing was done; ``trick`` says which.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.errors import (
    BadKeyFormat,
    BadKeySignature,
    FingerprintMismatch,
    KeyExpired,
    LicenseKeyError,
)
from keysat_core.limits import INSTANT_MAX, KEY_CHARS_MAX
from keysat_core.signing import LicensePayload, SigningKey, fingerprint_hash
from keysat_core.signing.keys import SIGNATURE_BYTES
from keysat_core.signing.license_key import FLAG_FINGERPRINT_BOUND, encode_key
from keysat_core.testing.strategies.identity import ids
from keysat_core.testing.strategies.keys import (
    license_keys,
    license_payloads,
    signed_text,
    signing_keys,
    wire_bytes,
)
from keysat_core.testing.strategies.machines import fingerprints
from keysat_core.testing.strategies.text import texts

_BASE32_SPARE_LENGTHS: Final = (1, 3, 6)
"""Lengths modulo 8 that no whole number of bytes encodes to (RFC 4648 section 6)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedKey:
    """A key that must not be accepted. ``leaf``: exactly what verifying it must raise."""

    text: str
    leaf: type[LicenseKeyError]
    trick: str


@st.composite
def forged_keys(draw: st.DrawFn, /, signing_key: SigningKey, **fixed: Any) -> RefusedKey:
    """Well-formed keys that this signing key never signed: all raise ``BadKeySignature``."""
    payload = draw(license_payloads(**fixed))
    raw = wire_bytes(payload)
    signature = signing_key.sign(raw)
    trick = draw(st.sampled_from(["other signer", "other payload", "bit", "zeros", "transplant"]))
    match trick:
        case "other signer":
            text = signed_text(raw, draw(_strangers(signing_key)))
        case "other payload":
            text = encode_key(wire_bytes(draw(_improved(payload))), signature)
        case "bit":
            bit = draw(st.integers(0, 8 * SIGNATURE_BYTES - 1))
            flipped = int.from_bytes(signature) ^ (1 << bit)
            text = encode_key(raw, flipped.to_bytes(SIGNATURE_BYTES))
        case "zeros":
            text = encode_key(raw, bytes(SIGNATURE_BYTES))
        case _:
            other = wire_bytes(draw(_improved(payload)))
            text = encode_key(raw, signing_key.sign(other))
    return RefusedKey(text=text, leaf=BadKeySignature, trick=trick)


def _strangers(signing_key: SigningKey) -> SearchStrategy[SigningKey]:
    return signing_keys().filter(lambda key: key != signing_key)


def _improved(payload: LicensePayload) -> SearchStrategy[LicensePayload]:
    """Payloads a cheat would like better, or another customer's; never the same one."""
    replace = msgspec.structs.replace
    other_id = ids().filter(lambda id_: id_ != payload.license_id)
    changes = [other_id.map(lambda id_: replace(payload, license_id=id_))]
    changes.append(st.just(replace(payload, entitlements=(*payload.entitlements, "everything"))))
    if not payload.is_perpetual:
        changes.append(st.just(replace(payload, expires_at=0)))
    if payload.flags:
        changes.append(st.just(replace(payload, flags=0)))
    return st.one_of(changes)


@st.composite
def malformed_keys(draw: st.DrawFn, /, signing_key: SigningKey | None = None) -> RefusedKey:
    """Text that is no license key: all raise ``BadKeyFormat``, also where the signature is good."""
    signer = signing_key or draw(signing_keys())
    makers = {"text": _broken_texts, "payload": _broken_payloads, "other": _strange_texts}
    return draw(makers[draw(st.sampled_from(sorted(makers)))](signer))


def _malformed(text: str, trick: str) -> RefusedKey:
    return RefusedKey(text=text, leaf=BadKeyFormat, trick=trick)


@st.composite
def _broken_texts(draw: st.DrawFn, /, signer: SigningKey) -> RefusedKey:
    """A valid key with something wrong in its spelling."""
    text = draw(license_keys(signer))
    prefix, payload, signature = text.split("-")
    place = draw(st.integers(0, len(payload) - 1))
    stranger = draw(st.sampled_from("0189=+/ \nÄ\0"))
    spelled = {
        "prefix": f"{draw(st.sampled_from(['LIC2', 'lic1', 'Lic1', '']))}-{payload}-{signature}",
        "no signature": f"{prefix}-{payload}",
        "no parts": prefix + payload + signature,
        "a part too many": f"{text}-{signature}",
        "stranger in the payload": (
            f"{prefix}-{payload[:place]}{stranger}{payload[place:]}-{signature}"
        ),
        "padding": f"{text}=",
        "lengths": f"{prefix}-{payload}-{signature[: _impossible(len(signature))]}",
        # A signature has 64 bytes, so the last of its 103 characters carries 3 spare bits.
        "spare bits": text[:-1] + _with_spare_bit(text[-1]),
        "short signature": f"{prefix}-{payload}-{signature[:-8]}",
        "too long": text + " " * KEY_CHARS_MAX,
    }
    trick = draw(st.sampled_from(sorted(spelled)))
    return _malformed(spelled[trick], trick)


def _impossible(length: int) -> int:
    """The nearest shorter length that no whole number of bytes encodes to."""
    return max(n for n in range(length) if n % 8 in _BASE32_SPARE_LENGTHS)


def _with_spare_bit(char: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return alphabet[alphabet.index(char) | 1]


@st.composite
def _broken_payloads(draw: st.DrawFn, /, signer: SigningKey) -> RefusedKey:
    """A payload no version of the format allows, honestly signed."""
    raw = wire_bytes(draw(license_payloads(entitlements=("pro", "sync"))))
    old = wire_bytes(draw(license_payloads(version=1, expires_at=0, entitlements=())))
    count_at = raw.index(b"\x02\x03pro")
    broken = {
        "unknown version": bytes([draw(st.integers(3, 255) | st.just(0))]) + raw[1:],
        "cut": raw[: draw(st.integers(0, len(raw) - 1))],
        "cut version 1": old[: draw(st.integers(0, len(old) - 1))],
        "version 1 and more": old + draw(st.binary(min_size=1, max_size=4)),
        "bytes behind": raw + draw(st.binary(min_size=1, max_size=4)),
        "entitlement count": raw[:count_at] + b"\x03" + raw[count_at + 1 :],
        "entitlement is not UTF-8": raw.replace(b"\x03pro", b"\x03\xff\xfe\xfd"),
    }
    trick = draw(st.sampled_from(sorted(broken)))
    return _malformed(signed_text(broken[trick], signer), trick)


def _strange_texts(_: SigningKey) -> SearchStrategy[RefusedKey]:
    """Text that has nothing of a key."""
    return texts().map(lambda text: _malformed(text, "other text"))


@st.composite
def expired_keys(
    draw: st.DrawFn, /, signing_key: SigningKey, *, now: int, **fixed: Any
) -> RefusedKey:
    """Honest keys whose expiry ``now`` has reached: ``verify(key, now=now)`` raises ``KeyExpired``."""
    expires_at = draw(st.just(now) | st.integers(1, min(now, INSTANT_MAX)))
    text = draw(license_keys(signing_key, expires_at=expires_at, **fixed))
    return RefusedKey(text=text, leaf=KeyExpired, trick="expired")


@st.composite
def bound_keys(
    draw: st.DrawFn, /, signing_key: SigningKey, *, fingerprint: str, **fixed: Any
) -> RefusedKey:
    """Honest keys bound to another machine than this one: they raise ``FingerprintMismatch``.

    They never expire unless ``expires_at`` is fixed.
    """
    elsewhere = draw(fingerprints().filter(lambda other: other != fingerprint))
    bound = {"flags": FLAG_FINGERPRINT_BOUND, "fingerprint_hash": fingerprint_hash(elsewhere)}
    text = draw(license_keys(signing_key, **({"expires_at": 0} | fixed | bound)))
    return RefusedKey(text=text, leaf=FingerprintMismatch, trick="bound elsewhere")


def refused_keys(
    signing_key: SigningKey, *, now: int, fingerprint: str, **fixed: Any
) -> SearchStrategy[RefusedKey]:
    """Whatever must not open a program at ``now`` on this machine, honest or not."""
    return st.one_of(
        forged_keys(signing_key, **fixed),
        malformed_keys(signing_key),
        expired_keys(signing_key, now=now, **fixed),
        bound_keys(signing_key, fingerprint=fingerprint, **fixed),
    )
