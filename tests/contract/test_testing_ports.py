"""The fixed ports for tests keep the same contracts as the real ones, and repeat themselves."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from keysat_core.domain.instant import Instant
from keysat_core.errors import InvariantError
from keysat_core.limits import INSTANT_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.testing.clock import START, FixedClock
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.ids import SeededIds
from tests.contract.system_contracts import ClockContract, EntropyContract, IdsContract


class TestFixedClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return FixedClock()

    def test_it_stands_still_until_told(self) -> None:
        clock = FixedClock()
        assert [clock.now(), clock.now()] == [START, START]

    def test_it_goes_where_it_is_told(self) -> None:
        clock = FixedClock(100)
        assert clock.advance(5) == 105
        clock.set(200)
        assert clock.advance(0) == clock.now() == 200

    def test_it_goes_back_only_if_asked_to(self) -> None:
        clock = FixedClock(100)
        with pytest.raises(InvariantError, match="would go back by 10 s"):
            clock.advance(-10)
        with pytest.raises(InvariantError, match="may_go_back=True"):
            clock.set(99)
        assert clock.now() == 100
        assert clock.advance(-10, may_go_back=True) == 90
        clock.set(7, may_go_back=True)
        assert clock.now() == 7

    @pytest.mark.parametrize("now", [-1, INSTANT_MAX + 1])
    def test_it_never_stands_where_no_instant_is(self, now: int) -> None:
        with pytest.raises(InvariantError, match="between 1970 and 9999"):
            FixedClock(now)
        clock = FixedClock(100)
        with pytest.raises(InvariantError, match="between 1970 and 9999"):
            clock.set(now, may_go_back=True)
        assert clock.now() == 100

    def test_it_may_step_on_at_every_reading(self) -> None:
        clock = FixedClock(100, step_seconds=3)
        assert [clock.now(), clock.now(), clock.advance(10), clock.now()] == [100, 103, 116, 116]
        last = FixedClock(INSTANT_MAX - 1, step_seconds=3)
        assert [last.now(), last.now(), last.now()] == [INSTANT_MAX - 1, INSTANT_MAX, INSTANT_MAX]
        with pytest.raises(InvariantError, match="step_seconds"):
            FixedClock(step_seconds=-1)

    def test_no_advance_is_lost_among_threads(self) -> None:
        clock = FixedClock(0)
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda _: [clock.advance(1) for _ in range(200)], range(8)):
                pass
        assert clock.now() == 1_600

    def test_a_reader_waits_for_a_change_to_finish(self) -> None:
        clock = FixedClock(5)
        taken = clock._take()
        change = threading.Timer(0.05, lambda: clock._slot.append(Instant(taken + 1)))
        change.start()
        assert clock.now() == 6
        change.join()


class TestSeededEntropy(EntropyContract):
    @pytest.fixture
    def entropy(self) -> Entropy:
        return SeededEntropy()

    def test_a_seed_repeats_itself_and_no_other(self) -> None:
        def run(seed: int) -> list[bytes]:
            entropy = SeededEntropy(seed)
            return [entropy.token(8) for _ in range(3)]

        assert run(1) == run(1)
        assert set(run(1)).isdisjoint(run(2))


class TestSeededIds(IdsContract):
    @pytest.fixture
    def ids(self) -> Ids:
        return SeededIds()

    def test_a_seed_repeats_itself_and_no_other(self) -> None:
        def run(seed: str) -> list[str]:
            ids = SeededIds(seed)
            return [ids.new() for _ in range(3)]

        assert run("a") == run("a")
        assert set(run("a")).isdisjoint(run("b"))
