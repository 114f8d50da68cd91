"""Several servers take, keep, lose and free one job's lease on a real store, in any order."""

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.instant import Instant
from keysat_core.domain.lease import Lease, LeaseState, state_of
from keysat_core.limits import LEASE_CLOCK_STEP_SECONDS, LEASE_SECONDS
from keysat_core.testing.clock import FixedClock
from keysat_core.use_cases.server.lease_job import end_lease, renew_lease, take_lease

PACE: Final = 20
LAPSED: Final = 0
SERVERS: Final = ("one", "two", "three")

servers = st.sampled_from(SERVERS)


class LeaseMachine(RuleBasedStateMachine):
    """Each run knows only what it was told: that the lease is its own, and until when.

    While the clock only goes forward, or is turned back before a lease was over, at most one run
    may count on it (``domain.lease``).
    """

    def __init__(self) -> None:
        super().__init__()
        self.store = SQLiteStore.open()
        self.clock = FixedClock()
        self.runs = 0
        self.running: dict[str, tuple[str, int]] = {}
        self.finished_at: int | None = None
        self.stepped = 0

    def teardown(self) -> None:
        self.store.close()

    def believers(self) -> list[str]:
        now = self.clock.now()
        return [server for server, (_, until) in self.running.items() if until > now]

    @rule(server=servers)
    def look(self, server: str) -> None:
        if server in self.running:
            return
        self.runs += 1
        holder = f"{server}-{self.runs}"
        now = self.clock.now()
        held_before = self.believers()
        answer = take_lease("job", holder, pace_seconds=PACE, store=self.store, clock=self.clock)
        is_resting = self.finished_at is not None and now - self.finished_at < PACE
        if held_before:
            assert answer.state is LeaseState.HELD
        elif answer.state is LeaseState.FREE:
            assert not is_resting
            assert answer.lease.holder == holder
            self.running[server] = (holder, now + LEASE_SECONDS)

    @rule(server=servers)
    def renew(self, server: str) -> None:
        if server not in self.running:
            return
        holder, until = self.running[server]
        is_kept = renew_lease("job", holder, store=self.store, clock=self.clock)
        if until > self.clock.now():
            assert is_kept
        if is_kept:
            self.running[server] = (holder, self.clock.now() + LEASE_SECONDS)
            self.stepped = 0
        else:
            del self.running[server]

    @rule(server=servers, is_finished=st.booleans())
    def end(self, *, server: str, is_finished: bool) -> None:
        if server not in self.running:
            return
        holder, until = self.running.pop(server)
        now = self.clock.now()
        is_own = end_lease(
            "job", holder, is_finished=is_finished, store=self.store, clock=self.clock
        )
        if until > now:
            assert is_own
        if is_own and is_finished:
            self.finished_at = now

    @rule(server=servers)
    def crash(self, server: str) -> None:
        self.running.pop(server, None)

    @rule(seconds=st.sampled_from([1, 4, 14, 15, 16, 60]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        now = self.clock.now()
        # Over is over: turning the clock back later gives no lease back that another has by now.
        for server, (holder, until) in self.running.items():
            self.running[server] = (holder, until if until > now else LAPSED)

    @precondition(lambda self: self.stepped < LEASE_CLOCK_STEP_SECONDS)
    @rule(seconds=st.integers(1, 20))
    def correct_the_clock(self, seconds: int) -> None:
        step = min(seconds, LEASE_CLOCK_STEP_SECONDS - self.stepped)
        self.stepped += step
        self.clock.advance(-step, may_go_back=True)

    @invariant()
    def at_most_one_run_may_believe_it_holds_the_job(self) -> None:
        assert len(self.believers()) <= 1

    @invariant()
    def a_dead_holder_is_outlived(self) -> None:
        if self.running:
            return
        with self.store.reading() as tx:
            lease = tx.leases.find_lease("job") or Lease(name="job")
        after = Instant(self.clock.now() + LEASE_SECONDS + LEASE_CLOCK_STEP_SECONDS + PACE)
        assert state_of(lease, now=after, pace_seconds=PACE) is LeaseState.FREE


TestLeases = LeaseMachine.TestCase
TestLeases.settings = settings(max_examples=60, stateful_step_count=40)
