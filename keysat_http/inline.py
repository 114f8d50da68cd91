"""Use cases that seldom write: tried on the event loop, finished in a thread when they must commit.

A point read takes microseconds and a commit waits for the disk, so only the second may have a
thread (ARCHITECTURE, Threads; PERFORMANCE). Only for use cases that may be begun anew: those that
do nothing lasting before they open their write transaction.
"""

from contextlib import AbstractContextManager

from keysat_core.ports.store import Store, Transaction


class WriteWanted(Exception):
    """A signal, not a failure: the use case came to the point where it writes."""


class Peek:
    """A store that reads, and gives the signal where it would write."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a snapshot of the store behind it."""
        return self._store.reading()

    def writing(self) -> AbstractContextManager[Transaction]:
        """Give the signal."""
        raise WriteWanted
