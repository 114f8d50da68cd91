"""Take, keep and free the lease of a background job."""

import msgspec

from keysat_core.domain.lease import Lease, LeaseState, ended, renewed, state_of, taken
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


class LeaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``FREE``: the lease is the caller's now. Else ``lease`` shows what stands in the way."""

    state: LeaseState
    lease: Lease


def take_lease(
    name: str, holder: str, *, pace_seconds: int, store: Store, clock: Clock
) -> LeaseAnswer:
    """Take a job's lease unless it is held or the job ended well less than its pace ago.

    It writes only when it takes: looking costs the other processes none of their caches.
    """
    with store.reading() as tx:
        lease = tx.leases.find_lease(name) or Lease(name=name)
    state = state_of(lease, now=clock.now(), pace_seconds=pace_seconds)
    if state is not LeaseState.FREE:
        return LeaseAnswer(state=state, lease=lease)
    with store.writing() as tx:
        # Now rather than when the read began: the write lock may have been waited for.
        now = clock.now()
        lease = tx.leases.find_lease(name) or Lease(name=name)
        state = state_of(lease, now=now, pace_seconds=pace_seconds)
        if state is LeaseState.FREE:
            lease = taken(lease, holder, now=now)
            tx.leases.put_lease(lease)
    return LeaseAnswer(state=state, lease=lease)


def renew_lease(name: str, holder: str, *, store: Store, clock: Clock) -> bool:
    """Keep a lease for another length; False when it was lost."""
    with store.writing() as tx:
        kept = renewed(tx.leases.find_lease(name) or Lease(name=name), holder, now=clock.now())
        if kept is not None:
            tx.leases.put_lease(kept)
    return kept is not None


def end_lease(name: str, holder: str, *, is_finished: bool, store: Store, clock: Clock) -> bool:
    """Free a lease after a run, noting whether it ended well; False when it was lost."""
    with store.writing() as tx:
        lease = tx.leases.find_lease(name) or Lease(name=name)
        freed = ended(lease, holder, now=clock.now(), is_finished=is_finished)
        if freed is not None:
            tx.leases.put_lease(freed)
    return freed is not None
