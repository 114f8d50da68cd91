"""The LIC1 codec: what it reads, what it refuses, what it writes."""

from typing import Any

import pytest
from msgspec.structs import replace

from keysat_core.errors import BadKeyFormat, InvariantError
from keysat_core.limits import KEY_CHARS_MAX
from keysat_core.signing import LicensePayload, SigningKey, parse_key
from keysat_core.signing.license_key import check_entitlements, encode_key, encode_payload

SIGNER = SigningKey.from_seed(bytes(range(32)))
PAYLOAD = LicensePayload(
    version=2,
    flags=0,
    product_id="00112233-4455-4677-8899-aabbccddeeff",
    license_id="01234567-89ab-4def-8123-456789abcdef",
    issued_at=1_700_000_000,
    expires_at=0,
    fingerprint_hash=bytes(32),
    entitlements=("pro", "cloud_sync"),
)


def signed(payload_bytes: bytes) -> str:
    return encode_key(payload_bytes, SIGNER.sign(payload_bytes))


KEY = signed(encode_payload(PAYLOAD))


def with_bytes_at(offset: int, replacement: bytes) -> str:
    raw = encode_payload(PAYLOAD)
    return signed(raw[:offset] + replacement + raw[offset + len(replacement) :])


def test_a_written_key_reads_back() -> None:
    key = parse_key(KEY)
    assert key.payload == PAYLOAD
    assert key.signed_bytes == encode_payload(PAYLOAD)
    assert key.signature == SIGNER.sign(key.signed_bytes)


def test_a_key_without_entitlements_has_the_published_length() -> None:
    bare = signed(encode_payload(replace(PAYLOAD, entitlements=())))
    assert len(bare) == 242


def test_the_largest_key_has_the_published_length_and_reads_back() -> None:
    payload = replace(PAYLOAD, entitlements=("x" * 255,) * 255)
    key = signed(encode_payload(payload))
    assert len(key) == 104_690
    assert parse_key(key).payload == payload


def test_lower_case_after_the_prefix_is_read() -> None:
    assert parse_key("LIC1" + KEY[4:].lower()) == parse_key(KEY)


@pytest.mark.parametrize("space", [" ", "\n", "\r\n", "\t", "\x0b", "\x85", "\xa0", "\u2003\u3000"])
def test_white_space_around_a_key_is_ignored(space: str) -> None:
    assert parse_key(space + KEY + space) == parse_key(KEY)


@pytest.mark.parametrize("text", ["\x1c" + KEY, KEY + "\x1f", KEY + "\0", "\ufeff" + KEY])
def test_what_is_not_unicode_white_space_is_not_trimmed(text: str) -> None:
    with pytest.raises(BadKeyFormat):
        parse_key(text)


@pytest.mark.parametrize("digits", ["_", "+", "-", "0x", "0b1", " ", "\0", "\xff", "\uff21"])
def test_spellings_a_number_parser_would_take_are_refused(digits: str) -> None:
    start = len("LIC1-")
    with pytest.raises(BadKeyFormat):
        parse_key(KEY[:start] + digits + KEY[start + len(digits) :])


@pytest.mark.parametrize("text", ["\ud800", KEY + "\udfff", KEY[:20] + "\udc80" + KEY[21:]])
def test_lone_surrogates_are_refused(text: str) -> None:
    with pytest.raises(BadKeyFormat):
        parse_key(text)


@pytest.mark.parametrize("value", [None, 7, KEY.encode(), [KEY]])
def test_what_is_not_text_is_refused(value: Any) -> None:
    with pytest.raises(BadKeyFormat):
        parse_key(value)


def test_a_text_over_the_limit_is_refused_even_if_it_is_padding() -> None:
    padding = " " * (KEY_CHARS_MAX - len(KEY))
    assert parse_key(KEY + padding) == parse_key(KEY)
    with pytest.raises(BadKeyFormat):
        parse_key(KEY + padding + " ")


def test_a_refusal_never_quotes_the_key() -> None:
    with pytest.raises(BadKeyFormat) as refusal:
        parse_key(KEY[:-1] + "!")
    assert KEY[5:20] not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_instants_from_2_to_the_63_read_as_negative_and_so_as_expired() -> None:
    payload = parse_key(with_bytes_at(42, b"\xff" * 8)).payload
    assert payload.expires_at == -1
    assert not payload.is_perpetual
    assert payload.is_expired_at(0)
    assert parse_key(with_bytes_at(34, b"\x80" + bytes(7))).payload.issued_at == -(2**63)


def test_unknown_flag_bits_are_kept_as_received_and_mean_nothing() -> None:
    payload = parse_key(with_bytes_at(1, b"\xfc")).payload
    assert payload.flags == 0xFC
    assert not payload.is_trial
    assert not payload.is_fingerprint_bound


def test_flags_have_their_published_bits() -> None:
    assert parse_key(with_bytes_at(1, b"\x01")).payload.is_fingerprint_bound
    assert parse_key(with_bytes_at(1, b"\x02")).payload.is_trial


def test_empty_and_repeated_entitlements_are_legal_on_the_wire() -> None:
    raw = encode_payload(replace(PAYLOAD, entitlements=()))
    payload = parse_key(signed(raw[:-1] + b"\x03\x00\x01a\x01a")).payload
    assert payload.entitlements == ("", "a", "a")


@pytest.mark.parametrize(("count", "is_shared"), [(2, True), (100, False)])
def test_keys_share_a_short_list_of_entitlements_and_keep_a_long_one_to_themselves(
    *, count: int, is_shared: bool
) -> None:
    grants = tuple(f"entitlement_{number}" for number in range(count))
    first, second = (
        parse_key(signed(encode_payload(replace(PAYLOAD, issued_at=at, entitlements=grants))))
        for at in (1, 2)
    )
    assert first.payload.entitlements == second.payload.entitlements == grants
    assert (first.payload.entitlements is second.payload.entitlements) is is_shared


def test_a_hash_of_an_unbound_key_is_not_looked_at() -> None:
    payload = parse_key(with_bytes_at(50, b"\xaa" * 32)).payload
    assert payload.fingerprint_hash == b"\xaa" * 32
    assert not payload.is_fingerprint_bound


@pytest.mark.parametrize(
    ("now", "expired"), [(-1, False), (999, False), (1_000, True), (1_001, True)]
)
def test_a_key_is_expired_from_its_expiry_on(now: int, expired: bool) -> None:  # noqa: FBT001
    assert replace(PAYLOAD, expires_at=1_000).is_expired_at(now) is expired


def test_a_perpetual_key_never_expires() -> None:
    assert PAYLOAD.is_perpetual
    assert not PAYLOAD.is_expired_at(2**63)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0},
        {"version": 3},
        {"version": 1},
        {"version": 1, "entitlements": (), "expires_at": 5},
        {"flags": 256},
        {"flags": -1},
        {"fingerprint_hash": bytes(31)},
        {"product_id": "00112233-4455-4677-8899-AABBCCDDEEFF"},
        {"product_id": "00112233445546778899aabbccddeeff"},
        {"license_id": "01234567-89ab-4def-8123-456789abcdef\n"},
        {"license_id": ""},
    ],
)
def test_a_payload_that_no_key_can_say_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(InvariantError):
        replace(PAYLOAD, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 1, "entitlements": ()},
        {"flags": 4},
        {"issued_at": -1},
        {"issued_at": 2**63},
        {"expires_at": -1},
        {"expires_at": 2**63},
        {"entitlements": ("x" * 256,)},
        {"entitlements": ("x",) * 256},
        {"entitlements": ("\ud800",)},
    ],
)
def test_a_payload_that_is_never_issued_is_not_written(change: dict[str, Any]) -> None:
    payload = replace(PAYLOAD, **change)
    with pytest.raises(InvariantError) as refusal:
        encode_payload(payload)
    assert refusal.value.field in change


@pytest.mark.parametrize("change", [{"issued_at": 2**63 - 1}, {"expires_at": 2**63 - 1}])
def test_the_last_instant_is_written(change: dict[str, Any]) -> None:
    payload = replace(PAYLOAD, **change)
    assert parse_key(signed(encode_payload(payload))).payload == payload


@pytest.mark.parametrize("slugs", [(), ("a",), ["x" * 255] * 255, ("\u00e9" * 127 + "e",)])
def test_entitlements_within_the_limits_pass(slugs: list[str]) -> None:
    check_entitlements(slugs)


@pytest.mark.parametrize("slugs", [("x",) * 256, ("",), ("\u00e9" * 128,), ("a", "\udfff")])
def test_entitlements_over_the_limits_are_refused(slugs: list[str]) -> None:
    with pytest.raises(InvariantError) as refusal:
        check_entitlements(slugs)
    assert refusal.value.field == "entitlements"


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_a_wrong_length_is_not_written(length: int) -> None:
    with pytest.raises(InvariantError):
        encode_key(encode_payload(PAYLOAD), bytes(length))
