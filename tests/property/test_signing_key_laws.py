"""Laws of keys and their PEM forms."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.errors import BadKeySignature, BadPEM
from keysat_core.signing import SigningKey, VerifyKey

seeds = st.binary(min_size=32, max_size=32)
PEM = SigningKey.from_seed(bytes(range(32))).to_pem()


@settings(deadline=None, max_examples=200)
@given(seeds)
def test_pem_gives_back_the_same_keys(seed: bytes) -> None:
    key = SigningKey.from_seed(seed)
    assert SigningKey.from_pem(key.to_pem()) == key
    assert VerifyKey.from_pem(key.verify_key.to_pem()) == key.verify_key


@settings(deadline=None, max_examples=200)
@given(seeds, st.binary(), st.binary(max_size=130))
def test_only_the_signature_of_a_message_verifies(
    seed: bytes, message: bytes, other: bytes
) -> None:
    key = SigningKey.from_seed(seed)
    signature = key.sign(message)
    key.verify_key.verify(message, signature)
    if other != signature:
        with pytest.raises(BadKeySignature):
            key.verify_key.verify(message, other)


@settings(deadline=None, max_examples=500)
@given(
    st.text()
    | st.builds(
        lambda at, text: PEM[:at] + text + PEM[at + 1 :], st.integers(0, 120), st.text(max_size=3)
    )
)
def test_reading_pem_raises_nothing_else(text: str) -> None:
    for key_type in (SigningKey, VerifyKey):
        try:
            key = key_type.from_pem(text)
        except BadPEM:
            continue
        assert key_type.from_pem(key.to_pem()) == key
