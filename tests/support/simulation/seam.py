"""Where the simulation gets between the use cases and their ports: the store, and the clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import Instant
from keysat_core.domain.validation import Facts
from keysat_core.errors import CorruptRow, KeysatError, StoreBusy, StoreUnavailable
from keysat_core.ports.clock import Clock
from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.store import Store, Transaction
from tests.support.simulation.stage import Stage
from tests.support.simulation.violation import Violation
from tests.support.watched_store import watched

Write = tuple[str, tuple[object, ...]]
"""The name of a write and what it was given."""


class SkewedClock:
    """Implements ``ports.clock.Clock``: what the clock of one machine shows."""

    def __init__(self, true: Clock) -> None:
        self.skew_seconds = 0
        self._true = true

    def now(self) -> Instant:
        return Instant(self._true.now() + self.skew_seconds)


class SimulatedFacts:
    """Implements ``ports.facts.ValidationFacts``: others go on and processes die before a question."""

    def __init__(self, facts: ValidationFacts, stage: Stage) -> None:
        self._facts = facts
        self._stage = stage

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        self._stage.pause("facts")
        self._stage.may_die()
        if self._stage.strikes("store_busy"):
            raise StoreBusy
        with _no_refusal():
            return self._facts.find_facts(license_id, fingerprint_hash)

    def as_of_now(self) -> ValidationFacts:
        return self


class SimulatedStore:
    """Implements ``ports.store.Store``: others go on, processes die and disks fill up around it.

    Every commit is shown to ``on_commit`` before anybody else goes on. What the store refuses
    without a fault of ours is a violation: no use case may run into a constraint.
    """

    def __init__(
        self, store: Store, stage: Stage, on_commit: Callable[[list[Write]], None]
    ) -> None:
        self._store = store
        self._stage = stage
        self._on_commit = on_commit

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        self._stage.pause("read")
        self._stage.may_die()
        if self._stage.strikes("store_busy"):
            raise StoreBusy
        with _no_refusal(), self._store.reading() as tx:
            yield tx

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        self._stage.pause("write")
        self._stage.may_die()
        if self._stage.strikes("store_busy"):
            raise StoreBusy
        writes: list[Write] = []

        def note(name: str, *values: object) -> None:
            self._stage.may_die()
            writes.append((name, values))

        try:
            with self._stage.writing(), _no_refusal(), self._store.writing() as tx:
                yield watched(tx, note)
                self._end(writes)
        except _DiskFull:
            raise StoreUnavailable("the disk is full") from None
        self._stage.note("commit " + " ".join(name for name, _ in writes))
        self._on_commit(writes)
        self._stage.pause("committed")
        self._stage.may_die()

    def _end(self, writes: list[Write]) -> None:
        self._stage.may_die()
        if writes and self._stage.strikes("disk_full"):
            raise _DiskFull


class _DiskFull(Exception):
    """Rolls the transaction back, and is told from what the store itself refuses."""


@contextmanager
def _no_refusal() -> Iterator[None]:
    try:
        yield
    except (StoreBusy, StoreUnavailable, CorruptRow) as exc:
        raise Violation(f"the store refused, and no fault was injected: {_told(exc)}") from exc


def _told(exc: KeysatError) -> str:
    return f"{exc.code}: {exc}"
