"""What every clock, every source of randomness and every source of ids must do."""

import re
from abc import ABC, abstractmethod

import pytest

from keysat_core.domain.ids import is_uuid_text
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.secret import Secret
from keysat_core.errors import AnswerLost
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.seal import AnswerSeal

MINE = Secret("ks_mine")


class ClockContract(ABC):
    @pytest.fixture
    @abstractmethod
    def clock(self) -> Clock: ...

    def test_an_instant_is_a_whole_second(self, clock: Clock) -> None:
        assert type(clock.now()) is int

    def test_an_instant_can_be_spelled_for_the_wire(self, clock: Clock) -> None:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rfc3339(clock.now()))


class EntropyContract(ABC):
    @pytest.fixture
    @abstractmethod
    def entropy(self) -> Entropy: ...

    @pytest.mark.parametrize("n_bytes", [1, 11, 16, 32, 256])
    def test_a_token_is_as_long_as_asked(self, entropy: Entropy, n_bytes: int) -> None:
        token = entropy.token(n_bytes)
        assert type(token) is bytes
        assert len(token) == n_bytes

    def test_no_token_comes_twice(self, entropy: Entropy) -> None:
        assert len({entropy.token(16) for _ in range(1_000)}) == 1_000


class SealContract(ABC):
    @pytest.fixture
    @abstractmethod
    def seal(self) -> AnswerSeal: ...

    @pytest.mark.parametrize("content", [b"", b"{}", bytes(range(256)) * 300])
    def test_what_was_sealed_is_read_by_the_same_secret(
        self, seal: AnswerSeal, content: bytes
    ) -> None:
        sealed = seal.seal(content, secret=MINE, context="c")
        assert seal.unseal(sealed, secret=MINE, context="c") == content

    def test_nothing_of_the_content_shows_and_no_two_seals_are_alike(
        self, seal: AnswerSeal
    ) -> None:
        content = b"LIC1-AAAA-BBBB"
        one, two = (seal.seal(content, secret=MINE, context="c") for _ in range(2))
        assert one != two
        assert content not in one

    @pytest.mark.parametrize(("secret", "context"), [(Secret("x"), "c"), (Secret("ks_mine"), "d")])
    def test_another_secret_or_context_opens_nothing(
        self, seal: AnswerSeal, secret: Secret, context: str
    ) -> None:
        sealed = seal.seal(b"{}", secret=MINE, context="c")
        with pytest.raises(AnswerLost):
            seal.unseal(sealed, secret=secret, context=context)

    def test_a_changed_byte_or_a_piece_opens_nothing(self, seal: AnswerSeal) -> None:
        sealed = seal.seal(b"{}", secret=MINE, context="c")
        for at in range(len(sealed)):
            changed = bytearray(sealed)
            changed[at] ^= 1
            for spoilt in (bytes(changed), sealed[:at]):
                with pytest.raises(AnswerLost):
                    seal.unseal(spoilt, secret=MINE, context="c")


class IdsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def ids(self) -> Ids: ...

    def test_an_id_is_a_uuid_of_version_4_in_our_spelling(self, ids: Ids) -> None:
        for _ in range(100):
            text = ids.new()
            assert is_uuid_text(text)
            assert text[14] == "4"
            assert text[19] in "89ab"

    def test_no_id_comes_twice(self, ids: Ids) -> None:
        assert len({ids.new() for _ in range(1_000)}) == 1_000
