"""Ed25519 keys: their PEM forms, what is refused, and that a secret stays one."""

import copy
import pickle
from base64 import b64encode

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from keysat_core.errors import BadKeySignature, BadPEM, InvariantError
from keysat_core.signing import SigningKey, VerifyKey

SEED = bytes(range(32))
KEY = SigningKey.from_seed(SEED)
OTHER = SigningKey.from_seed(bytes(32))
V1_HEAD = bytes.fromhex("302e020100300506032b657004220420")
V2_HEAD = bytes.fromhex("3051020101300506032b657004220420")
PUBLIC_HEAD = bytes.fromhex("302a300506032b6570032100")


def pem(der: bytes, label: str = "PRIVATE KEY", newline: str = "\n") -> str:
    text = b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return newline.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def v2_pem(seed: bytes, public: bytes) -> str:
    return pem(V2_HEAD + seed + bytes.fromhex("812100") + public)


def test_signatures_are_those_of_the_standard() -> None:
    # RFC 8032 section 7.1, test 1.
    key = SigningKey.from_seed(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    assert key.verify_key.raw.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert key.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_a_private_key_survives_its_pem_form() -> None:
    assert SigningKey.from_pem(KEY.to_pem()) == KEY
    assert KEY.to_pem() == pem(V1_HEAD + SEED)


def test_the_private_pem_form_is_read_by_other_libraries() -> None:
    loaded = load_pem_private_key(KEY.to_pem().encode(), password=None)
    assert isinstance(loaded, Ed25519PrivateKey)
    assert loaded.sign(b"message") == KEY.sign(b"message")


def test_the_private_pem_form_of_existing_databases_is_read() -> None:
    assert SigningKey.from_pem(v2_pem(SEED, KEY.verify_key.raw)) == KEY


def test_a_private_pem_whose_halves_differ_is_refused() -> None:
    with pytest.raises(BadPEM, match="different keys"):
        SigningKey.from_pem(v2_pem(SEED, OTHER.verify_key.raw))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n\n", "\n \t"])
def test_white_space_in_and_around_a_block_is_ignored(newline: str) -> None:
    assert SigningKey.from_pem(" \n" + pem(V1_HEAD + SEED, newline=newline)) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "junk",
        "\ud800",
        KEY.verify_key.to_pem(),
        KEY.to_pem() + KEY.to_pem(),
        KEY.to_pem() + "comment",
        "comment\n" + KEY.to_pem(),
        KEY.to_pem().replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE"),
        "-----BEGIN PRIVATE KEY-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----",
        b64encode(V1_HEAD + SEED).decode(),
        KEY.to_pem().removeprefix("-----BEGIN PRIVATE KEY-----"),
        KEY.to_pem().removesuffix("-----END PRIVATE KEY-----\n"),
        pem(b""),
        pem(SEED),
        pem(V1_HEAD + SEED[:31]),
        pem(V1_HEAD + SEED + b"\0"),
        pem(V1_HEAD.replace(b"\x70", b"\x71") + SEED),
        pem(V2_HEAD + SEED),
        pem(V2_HEAD + SEED[:31]),
        pem(V2_HEAD + SEED + bytes.fromhex("812101") + KEY.verify_key.raw),
        v2_pem(SEED, KEY.verify_key.raw[:31]),
        v2_pem(SEED, KEY.verify_key.raw + b"\0"),
        pem(V1_HEAD + SEED).replace("MC4C", "MC4\u00e9"),
        pem(V1_HEAD + SEED).replace("MC4C", "MC4="),
        pem(V1_HEAD + SEED).replace("MC4C", "MC4"),
    ],
)
def test_what_is_not_one_private_block_is_refused(text: str) -> None:
    with pytest.raises(BadPEM) as refusal:
        SigningKey.from_pem(text)
    assert "AAECAwQF" not in str(refusal.value)


def test_a_public_key_survives_its_pem_form() -> None:
    assert VerifyKey.from_pem(KEY.verify_key.to_pem()) == KEY.verify_key
    assert KEY.verify_key.to_pem() == pem(PUBLIC_HEAD + KEY.verify_key.raw, "PUBLIC KEY")


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY.to_pem(),
        KEY.verify_key.to_pem() * 2,
        pem(KEY.verify_key.raw, "PUBLIC KEY"),
        pem(PUBLIC_HEAD, "PUBLIC KEY"),
        pem(PUBLIC_HEAD + KEY.verify_key.raw[:31], "PUBLIC KEY"),
        pem(PUBLIC_HEAD + KEY.verify_key.raw + b"\0", "PUBLIC KEY"),
        pem(PUBLIC_HEAD.replace(b"\x70", b"\x6e") + KEY.verify_key.raw, "PUBLIC KEY"),
    ],
)
def test_what_is_not_one_public_block_is_refused(text: str) -> None:
    with pytest.raises(BadPEM):
        VerifyKey.from_pem(text)


@pytest.mark.parametrize(
    "point",
    [
        "00" * 32,
        "01" + "00" * 31,
        "00" * 31 + "80",
        "01" + "00" * 30 + "80",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "02" + "00" * 31,
        "ff" * 32,
    ],
)
def test_a_public_key_that_proves_nothing_is_refused(point: str) -> None:
    with pytest.raises(BadPEM):
        VerifyKey.from_pem(pem(PUBLIC_HEAD + bytes.fromhex(point), "PUBLIC KEY"))
    with pytest.raises(InvariantError):
        VerifyKey(raw=bytes.fromhex(point))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_key_material_of_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(InvariantError):
        VerifyKey(raw=bytes(length))
    with pytest.raises(InvariantError):
        SigningKey.from_seed(bytes(length))


def test_a_signature_is_good_for_its_message_and_key_only() -> None:
    signature = KEY.sign(b"message")
    KEY.verify_key.verify(b"message", signature)
    with pytest.raises(BadKeySignature):
        KEY.verify_key.verify(b"massage", signature)
    with pytest.raises(BadKeySignature):
        OTHER.verify_key.verify(b"message", signature)


def test_bytes_cannot_wander_between_signature_and_message() -> None:
    joined = KEY.sign(b"message") + b"message"
    for length in (0, 63, 65, len(joined)):
        with pytest.raises(BadKeySignature):
            KEY.verify_key.verify(joined[length:], joined[:length])


def test_the_same_signature_in_another_spelling_is_refused() -> None:
    group_order = 2**252 + 27742317777372353535851937790883648493
    signature = KEY.sign(b"message")
    scalar = int.from_bytes(signature[32:], "little") + group_order
    with pytest.raises(BadKeySignature):
        KEY.verify_key.verify(b"message", signature[:32] + scalar.to_bytes(32, "little"))


def test_a_signing_key_never_shows_its_secret() -> None:
    for text in (repr(KEY), str(KEY), f"{KEY}", repr([KEY]), repr({"key": KEY})):
        assert "SigningKey(***)" in text
        assert SEED.hex() not in text
    assert not hasattr(KEY, "__dict__")


def test_a_signing_key_is_neither_pickled_copied_nor_serialized() -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode):
        with pytest.raises(TypeError):
            attempt(KEY)


def test_signing_keys_are_equal_when_their_public_halves_are() -> None:
    assert SigningKey.from_seed(SEED) == KEY
    assert hash(SigningKey.from_seed(SEED)) == hash(KEY)
    assert KEY != OTHER
    assert KEY.verify_key != KEY
