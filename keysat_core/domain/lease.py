"""Leases: of several servers on one database, the one that may run a background job now.

Processes on one file share a machine and so a clock, which may still step. While it does not, a
job has at most one holder at any instant. Every job is safe to run twice all the same; a lease
spares the work and the questions to providers. Source: ARCHITECTURE, rule 8.
"""

from enum import StrEnum

import msgspec

from keysat_core.domain.instant import Instant
from keysat_core.limits import LEASE_CLOCK_STEP_SECONDS, LEASE_SECONDS


class LeaseState(StrEnum):
    """What stands in the way of running a job now."""

    FREE = "free"
    HELD = "held"
    NOT_DUE = "not_due"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A job's lease. ``holder`` names one run, never a server: not even its own may run it twice.

    ``finished_at`` is when a run last ended well, None if none has.
    """

    name: str
    holder: str | None = None
    held_until: Instant = Instant(0)
    finished_at: Instant | None = None


def is_held(lease: Lease, *, now: Instant) -> bool:
    """Tell whether somebody holds a lease.

    One that lasts longer than any lease does was written by a clock that was wrong; nobody waits
    for it.
    """
    left = lease.held_until - now
    return lease.holder is not None and 0 < left <= LEASE_SECONDS + LEASE_CLOCK_STEP_SECONDS


def is_rested(lease: Lease, *, now: Instant, pace_seconds: int) -> bool:
    """Tell whether a job's last good end is its pace ago; one far in the future is no end at all."""
    if lease.finished_at is None or pace_seconds == 0:
        return True
    return not -LEASE_CLOCK_STEP_SECONDS <= now - lease.finished_at < pace_seconds


def state_of(lease: Lease, *, now: Instant, pace_seconds: int) -> LeaseState:
    """Say whether a job may be run now. A pace of 0 is always due."""
    if is_held(lease, now=now):
        return LeaseState.HELD
    if not is_rested(lease, now=now, pace_seconds=pace_seconds):
        return LeaseState.NOT_DUE
    return LeaseState.FREE


def taken(lease: Lease, holder: str, *, now: Instant) -> Lease:
    """Give a free lease to a holder. Ask ``state_of`` first, in the same transaction."""
    return msgspec.structs.replace(lease, holder=holder, held_until=_end(now))


def renewed(lease: Lease, holder: str, *, now: Instant) -> Lease | None:
    """Let the holder keep a lease; None when it is another's by now, or nobody's.

    A lapsed one that nobody took is still the holder's.
    """
    if lease.holder != holder:
        return None
    return msgspec.structs.replace(lease, held_until=_end(now))


def ended(lease: Lease, holder: str, *, now: Instant, is_finished: bool) -> Lease | None:
    """Free a lease; ``is_finished`` says the job ended well. None when it is not the holder's.

    A job that did not end well is due at once, for whoever looks next.
    """
    if lease.holder != holder:
        return None
    finished_at = now if is_finished else lease.finished_at
    return Lease(name=lease.name, finished_at=finished_at)


def _end(now: Instant) -> Instant:
    return Instant(now + LEASE_SECONDS)
