import time

import pytest

from keysat_adapters.system.clock import SystemClock
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_adapters.system.seal import SecretBoxSeal
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.seal import AnswerSeal
from tests.contract.system_contracts import (
    ClockContract,
    EntropyContract,
    IdsContract,
    SealContract,
)


class TestSystemClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()


class TestSystemEntropy(EntropyContract):
    @pytest.fixture
    def entropy(self) -> Entropy:
        return SystemEntropy()


class TestSecretBoxSeal(SealContract):
    @pytest.fixture
    def seal(self) -> AnswerSeal:
        return SecretBoxSeal()


class TestRandomIds(IdsContract):
    @pytest.fixture
    def ids(self) -> Ids:
        return RandomIds()


def test_the_system_clock_tells_the_present_second() -> None:
    before = int(time.time())
    assert before <= SystemClock().now() <= time.time()
