"""What every buffer of heartbeats must do."""

from abc import ABC, abstractmethod

import pytest

from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.ids import MachineId
from keysat_core.limits import HEARTBEAT_SECONDS
from keysat_core.ports.activity import Heartbeats
from tests.support.builders import later

A, B = MachineId("a"), MachineId("b")


def beat(machine_id: MachineId, seconds: int = 0, ip: str | None = None) -> Heartbeat:
    return Heartbeat(machine_id=machine_id, seen_at=later(seconds), ip=ip)


def note(heartbeats: Heartbeats, noted: Heartbeat) -> None:
    heartbeats.note(noted.machine_id, noted.seen_at, noted.ip)


class HeartbeatsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def heartbeats(self) -> Heartbeats: ...

    @pytest.mark.parametrize("is_flushed", [False, True])
    def test_what_was_noted_is_known_before_and_after_it_is_written(
        self, heartbeats: Heartbeats, *, is_flushed: bool
    ) -> None:
        note(heartbeats, beat(A, 0, "192.0.2.1"))
        if is_flushed:
            assert heartbeats.flush() == 1
        assert heartbeats.last_seen([A, B]) == {A: beat(A, 0, "192.0.2.1")}
        assert heartbeats.last_seen([]) == {}

    def test_one_machine_is_kept_at_most_once_a_minute(self, heartbeats: Heartbeats) -> None:
        for seconds in (0, 1, HEARTBEAT_SECONDS - 1):
            note(heartbeats, beat(A, seconds))
        note(heartbeats, beat(B, 1))
        assert heartbeats.last_seen([A, B]) == {A: beat(A), B: beat(B, 1)}
        note(heartbeats, beat(A, HEARTBEAT_SECONDS))
        assert heartbeats.last_seen([A]) == {A: beat(A, HEARTBEAT_SECONDS)}

    @pytest.mark.parametrize("is_flushed", [False, True])
    def test_a_clock_that_steps_back_takes_nothing_back(
        self, heartbeats: Heartbeats, *, is_flushed: bool
    ) -> None:
        note(heartbeats, beat(A, 0, "192.0.2.1"))
        if is_flushed:
            heartbeats.flush()
        note(heartbeats, beat(A, -3 * HEARTBEAT_SECONDS, "192.0.2.2"))
        seen = heartbeats.last_seen([A])[A]
        assert seen.seen_at == later(0)

    @pytest.mark.parametrize("is_flushed", [False, True])
    def test_an_unknown_address_keeps_the_known_one(
        self, heartbeats: Heartbeats, *, is_flushed: bool
    ) -> None:
        note(heartbeats, beat(A, 0, "192.0.2.1"))
        if is_flushed:
            heartbeats.flush()
        note(heartbeats, beat(A, 60))
        heartbeats.flush()
        assert heartbeats.list_written(9) == [beat(A, 60, "192.0.2.1")]

    def test_a_flush_writes_each_machine_once(self, heartbeats: Heartbeats) -> None:
        for seconds in (0, 60, 120):
            note(heartbeats, beat(A, seconds))
        note(heartbeats, beat(B))
        assert [heartbeats.flush(), heartbeats.flush()] == [2, 0]

    def test_written_ones_are_listed_a_page_at_a_time(self, heartbeats: Heartbeats) -> None:
        for machine_id in (B, A):
            note(heartbeats, beat(machine_id))
        assert heartbeats.list_written(9) == []
        heartbeats.flush()
        assert heartbeats.list_written(1) == [beat(A)]
        assert heartbeats.list_written(9) == [beat(A), beat(B)]
        assert heartbeats.list_written(0) == []

    def test_only_what_did_not_change_since_is_forgotten(self, heartbeats: Heartbeats) -> None:
        for machine_id in (A, B):
            note(heartbeats, beat(machine_id))
        heartbeats.flush()
        folded = heartbeats.list_written(9)
        note(heartbeats, beat(B, 60))
        heartbeats.flush()
        heartbeats.forget(folded)
        assert heartbeats.list_written(9) == [beat(B, 60)]
        assert heartbeats.last_seen([A, B]) == {B: beat(B, 60)}
