"""Remembering keys that verified: what is remembered, for how long, and of whom."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_adapters.sqlite.key_ring import SQLiteKeyRing
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.verified_keys import VERIFIED_KEY_CHARS_MAX, VerifiedKeys
from keysat_core.domain.secret import Secret
from keysat_core.errors import BadKeyFormat, BadKeySignature, SigningKeyUnusable
from keysat_core.signing import SigningKey, Verifier
from keysat_core.signing.license_key import encode_key, encode_payload, parse_key
from tests.support.builders import NOW
from tests.support.keys import UNKNOWN_ID, signed

WHITE_SPACE = "\t\n\r \x85\xa0\u1680\u2003\u2028\u202f\u205f\u3000"
KEY = SigningKey.from_seed(bytes(range(32)))


def remembering(keys_max: int = 9) -> VerifiedKeys:
    return VerifiedKeys(Verifier(KEY.verify_key), keys_max=keys_max)


def test_a_key_is_read_once_and_then_remembered() -> None:
    keys, text = remembering(), signed()
    first = keys.payload_of(text)
    assert first == Verifier(KEY.verify_key).verify(text).payload
    assert keys.payload_of(text) is first


def test_a_refusal_is_never_remembered_as_anything_else() -> None:
    keys = remembering()
    forged = signed(seed=bytes(32))
    for _ in range(2):
        with pytest.raises(BadKeySignature):
            keys.payload_of(forged)
        with pytest.raises(BadKeyFormat):
            keys.payload_of("LIC1-A-A")


def test_one_altered_character_is_another_key() -> None:
    keys, text = remembering(), signed()
    keys.payload_of(text)
    altered = text[:-20] + ("A" if text[-20] != "A" else "B") + text[-19:]
    with pytest.raises(BadKeySignature):
        keys.payload_of(altered)


def test_only_so_many_are_kept_and_the_oldest_leave() -> None:
    keys, texts = remembering(2), [signed(license_id=f"{n}" * 8 + UNKNOWN_ID[8:]) for n in range(3)]
    first = [keys.payload_of(text) for text in texts]
    assert keys.payload_of(texts[2]) is first[2]
    assert keys.payload_of(texts[1]) is first[1]
    assert keys.payload_of(texts[0]) is not first[0]


@pytest.mark.parametrize("change", [str.swapcase, "{} ".format, "\n{}".format])
def test_another_spelling_of_a_key_is_accepted_and_not_kept(change: Callable[[str], str]) -> None:
    keys, text = remembering(), "LIC1" + change(signed()[4:])
    if not text.startswith("LIC1-"):
        text = change(signed())
    assert keys.payload_of(text) == keys.payload_of(signed())
    assert keys.payload_of(text) is not keys.payload_of(text)


@given(spelling=st.data())
def test_of_all_spellings_only_the_one_that_was_issued_is_kept(spelling: st.DataObject) -> None:
    issued = signed()
    letters = spelling.draw(st.lists(st.booleans(), min_size=len(issued), max_size=len(issued)))
    small = "".join(
        char.lower() if is_small and at >= len("LIC1") else char
        for at, (char, is_small) in enumerate(zip(issued, letters, strict=True))
    )
    blanks = st.text(WHITE_SPACE, max_size=2)
    text = spelling.draw(blanks) + small + spelling.draw(blanks)
    keys = remembering()
    first = keys.payload_of(text)
    assert (keys.payload_of(text) is first) is (text == issued)


def test_a_long_key_is_verified_each_time() -> None:
    grants = tuple(f"entitlement-{number:03}" * 10 for number in range(20))
    payload = encode_payload(
        msgspec.structs.replace(parse_key(signed()).payload, entitlements=grants)
    )
    text = encode_key(payload, KEY.sign(payload))
    keys = remembering()
    assert len(text) > VERIFIED_KEY_CHARS_MAX
    assert keys.payload_of(text) is not keys.payload_of(text)


def test_another_signing_key_forgets_what_the_first_one_verified() -> None:
    with SQLiteStore.open() as store:
        ring = SQLiteKeyRing(store)
        with pytest.raises(SigningKeyUnusable):
            ring.payload_of(signed())
        with store.writing() as tx:
            tx.settings.put_signing_key_pem(Secret(KEY.to_pem()), KEY.verify_key.to_pem(), NOW)
        ring.reload()
        text = signed()
        known = ring.payload_of(text)
        assert ring.payload_of(text) is known
        ring.reload()
        assert ring.payload_of(text) is not known
        assert ring.payload_of(text) == known
