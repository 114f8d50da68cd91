"""Leases: whoever wrote the row and whatever its clock said, a job is held by one and starves never."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.instant import Instant
from keysat_core.domain.lease import Lease, LeaseState, ended, is_held, renewed, state_of, taken
from keysat_core.limits import LEASE_CLOCK_STEP_SECONDS, LEASE_SECONDS
from tests.support.builders import NOW, later

BLOCKED_SECONDS = LEASE_SECONDS + 2 * LEASE_CLOCK_STEP_SECONDS + 1

moments = st.integers(-400, 400).map(later) | st.integers(0, 4_000_000_000).map(Instant)
paces = st.integers(0, 3_600)
leases = st.builds(
    Lease,
    name=st.just("job"),
    holder=st.none() | st.sampled_from(["a", "b"]),
    held_until=moments,
    finished_at=st.none() | moments,
)
FRESH = Lease(name="job")


def test_a_job_never_run_is_free() -> None:
    assert state_of(FRESH, now=NOW, pace_seconds=60) is LeaseState.FREE


@given(leases, moments, st.integers(0, LEASE_SECONDS - 1), paces)
def test_a_taken_lease_is_held_until_its_end_and_no_longer(
    lease: Lease, now: Instant, later_by: int, pace: int
) -> None:
    held = taken(lease, "c", now=now)
    during, after = Instant(now + later_by), Instant(now + LEASE_SECONDS)
    assert state_of(held, now=during, pace_seconds=pace) is LeaseState.HELD
    assert not is_held(held, now=after)
    assert held.finished_at == lease.finished_at


@given(leases, moments)
def test_only_the_holder_renews_and_ends(lease: Lease, now: Instant) -> None:
    for stranger in ("c", "d"):
        assert renewed(lease, stranger, now=now) is None
        assert ended(lease, stranger, now=now, is_finished=True) is None
    if lease.holder is not None:
        kept = renewed(lease, lease.holder, now=now)
        assert kept == taken(lease, lease.holder, now=now)


@given(lease=leases, now=moments, is_finished=st.booleans())
def test_an_ended_lease_is_nobodys(*, lease: Lease, now: Instant, is_finished: bool) -> None:
    freed = ended(taken(lease, "c", now=now), "c", now=now, is_finished=is_finished)
    assert freed is not None
    assert not is_held(freed, now=now)
    assert freed.finished_at == (now if is_finished else lease.finished_at)


@given(moments, st.integers(1, 3_600), st.integers(0, 4_000))
def test_a_finished_job_rests_for_its_pace(now: Instant, pace: int, since: int) -> None:
    freed = ended(taken(FRESH, "a", now=now), "a", now=now, is_finished=True)
    assert freed is not None
    state = state_of(freed, now=Instant(now + since), pace_seconds=pace)
    assert state is (LeaseState.NOT_DUE if since < pace else LeaseState.FREE)


def test_a_failed_job_is_due_at_once() -> None:
    freed = ended(taken(FRESH, "a", now=NOW), "a", now=NOW, is_finished=False)
    assert freed is not None
    assert state_of(freed, now=NOW, pace_seconds=60) is LeaseState.FREE


@given(leases, st.integers(0, 600))
def test_no_row_however_wrong_starves_a_job(lease: Lease, pace: int) -> None:
    looks = (later(second) for second in range(BLOCKED_SECONDS + pace + 1))
    assert any(state_of(lease, now=now, pace_seconds=pace) is LeaseState.FREE for now in looks)


@given(st.integers(1, LEASE_CLOCK_STEP_SECONDS), st.integers(1, 600))
def test_a_small_correction_of_the_clock_frees_nothing(step: int, pace: int) -> None:
    held = taken(FRESH, "a", now=NOW)
    assert state_of(held, now=later(-step), pace_seconds=pace) is LeaseState.HELD
    rested = Lease(name="job", finished_at=NOW)
    assert state_of(rested, now=later(-step), pace_seconds=pace) is LeaseState.NOT_DUE


@given(st.integers(LEASE_CLOCK_STEP_SECONDS + 1, 10**9), st.integers(1, 600))
def test_what_a_wrong_clock_wrote_is_waited_for_by_nobody(step: int, pace: int) -> None:
    held = taken(FRESH, "a", now=later(step))
    rested = Lease(name="job", finished_at=later(step))
    for lease in (held, rested):
        assert state_of(lease, now=NOW, pace_seconds=pace) is LeaseState.FREE


@given(leases)
def test_a_pace_of_nothing_is_always_due(lease: Lease) -> None:
    free = msgspec.structs.replace(lease, holder=None)
    assert state_of(free, now=NOW, pace_seconds=0) is LeaseState.FREE
