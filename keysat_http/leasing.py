"""Running background jobs under a lease, so that two servers on one database never double one.

The rule, which keeps that and the pace without writing for nothing (a commit to the main file
empties every process's caches, PERFORMANCE 6):

1. Look whether there is work: a read. Without any the run ends here, writes nothing, and counts as
   well ended. Doing nothing twice doubles nothing.
2. Take the lease: in one transaction, only if nobody holds it and the job's last good end, by
   whichever server, is its pace ago. Who sees the same work at the same time is refused here.
3. Work, and renew the lease meanwhile. Who finds it lost (the machine slept) says so; the run goes
   on to its end, which harms nothing, because every job may be run twice.
4. Free the lease. Only a run that had work and ended well notes when, which is what 2. looks at; a
   job that failed is due for whoever looks next.

A job without a cheap look at its work is one with a slow pace; it takes the lease every time.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import monotonic

import msgspec
import structlog

from keysat_core.domain.instant import Instant
from keysat_core.domain.lease import LeaseState
from keysat_core.errors import ServerFault
from keysat_core.limits import LEASE_RENEW_SECONDS, LEASE_RUN_SECONDS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store
from keysat_core.use_cases.server.lease_job import end_lease, renew_lease, take_lease

log = structlog.get_logger("keysat.ticks")


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """How many items a run dealt with, and how many it could not, because others failed."""

    items: int = 0
    failed: int = 0


Run = Callable[[], Work | int | None]
"""A job: it gives how much it did, a plain number of items, or nothing."""


class Outcome(StrEnum):
    """How an attempt at a job ended, other than by an error."""

    DONE = "done"
    IDLE = "idle"
    HELD = "held"
    NOT_DUE = "not_due"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. ``finished_at``: when the job last ended well elsewhere, if that was ``NOT_DUE``."""

    outcome: Outcome
    work: Work = Work()
    finished_at: Instant | None = None


_REFUSED = {LeaseState.HELD: Outcome.HELD, LeaseState.NOT_DUE: Outcome.NOT_DUE}


def work_of(run: Run) -> Work:
    """Run a job and give what it did."""
    done = run()
    return done if isinstance(done, Work) else Work(items=done or 0)


class LeaseKeeper:
    """Runs jobs under leases; threads share it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        *,
        renew_seconds: float = LEASE_RENEW_SECONDS,
        run_seconds_max: float = LEASE_RUN_SECONDS_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._renew_seconds = renew_seconds
        self._run_seconds_max = run_seconds_max

    def attempt(
        self, name: str, run: Run, *, has_work: Callable[[], bool] | None, pace_seconds: int
    ) -> Attempt:
        """Run a job if there is work and its lease can be had; a pace of 0 disregards the last end.

        Raises:
            StoreBusy, StoreUnavailable: the lease could not be asked for.
            Exception: whatever the job raises; its lease is free again.
        """
        if has_work is not None and not has_work():
            return Attempt(outcome=Outcome.IDLE)
        holder = self._ids.new()
        answer = take_lease(
            name, holder, pace_seconds=pace_seconds, store=self._store, clock=self._clock
        )
        if answer.state is not LeaseState.FREE:
            return Attempt(outcome=_REFUSED[answer.state], finished_at=answer.lease.finished_at)
        is_finished = False
        try:
            with self._renewing(name, holder):
                work = work_of(run)
            is_finished = True
        finally:
            self._end(name, holder, is_finished=is_finished)
        return Attempt(outcome=Outcome.DONE, work=work)

    @contextmanager
    def _renewing(self, name: str, holder: str) -> Iterator[None]:
        is_over = threading.Event()
        thread = threading.Thread(
            target=self._renew, args=(name, holder, is_over), name=f"lease-{name}", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            # A renewal under way must not come after the end.
            thread.join()

    def _renew(self, name: str, holder: str, is_over: threading.Event) -> None:
        began_at = monotonic()
        while not is_over.wait(self._renew_seconds):
            if monotonic() - began_at > self._run_seconds_max:
                log.error("lease_given_up", tick=name, after_seconds=self._run_seconds_max)
                return
            try:
                is_kept = renew_lease(name, holder, store=self._store, clock=self._clock)
            except ServerFault as exc:
                log.warning("lease_not_renewed", tick=name, code=exc.code)
                continue
            if not is_kept:
                log.warning("lease_lost", tick=name)
                return

    def _end(self, name: str, holder: str, *, is_finished: bool) -> None:
        try:
            is_own = end_lease(
                name, holder, is_finished=is_finished, store=self._store, clock=self._clock
            )
        except ServerFault as exc:
            # It lapses by itself, and the run's own end is what there is to tell.
            log.warning("lease_not_freed", tick=name, code=exc.code)
        else:
            if not is_own:
                log.warning("lease_was_lost", tick=name)
