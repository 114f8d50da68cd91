"""Move heartbeats from their file into the rows of their machines."""

from keysat_core.limits import HEARTBEATS_BATCH
from keysat_core.ports.activity import Heartbeats
from keysat_core.ports.store import Store


def fold_heartbeats(*, store: Store, heartbeats: Heartbeats) -> int:
    """Fold a batch and give its size; less than ``HEARTBEATS_BATCH`` means that none is left.

    No audit row or event, as of heartbeats themselves. Whatever step it dies at, folding again
    ends the same: a row keeps its latest time, and a heartbeat is forgotten only once it is there.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    beats = heartbeats.list_written(HEARTBEATS_BATCH)
    if beats:
        with store.writing() as tx:
            tx.machines.put_heartbeats(beats)
        heartbeats.forget(beats)
    return len(beats)
