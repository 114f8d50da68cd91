"""A store that watches what is written through it, and can die at any step."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, cast

from keysat_adapters.sqlite.sales import SQLiteSales
from keysat_core.ports.store import Store, Transaction

WRITING: Final = ("put_", "add_", "append_", "remove_", "purge_")


class Killed(Exception):
    """The process died here: nothing after this step happens."""


class WatchedStore:
    """Implements ``ports.store.Store`` around another store.

    A step is one write, the moment before a commit, or the moment after it. ``dies_at`` names the
    step, counted from 1, that kills; a killed store can be used no more. ``writes`` holds what was
    committed. ``before_writing`` runs once, ahead of the next write transaction.
    """

    def __init__(self, store: Store, *, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.steps: list[str] = []
        self.writes: list[str] = []
        self.before_writing: Callable[[], None] | None = None
        self._store = store
        self._is_dead = False

    def reading(self) -> AbstractContextManager[Transaction]:
        self._live()
        return self._store.reading()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        self._live()
        hook, self.before_writing = self.before_writing, None
        if hook is not None:
            hook()
        pending: list[str] = []

        def note(write: str, *values: object) -> None:
            self._step(write)
            pending.append(write)

        with self._store.writing() as tx:
            yield watched(tx, note)
            self._step("commit")
        self.writes += pending
        self._step("committed")

    def _live(self) -> None:
        if self._is_dead:
            raise Killed

    def _step(self, name: str) -> None:
        self._live()
        self.steps.append(name)
        if len(self.steps) == self.dies_at:
            self._is_dead = True
            raise Killed(name)


Note = Callable[..., None]
"""What is told of a write before it is made: its name, and what it is given."""


def watched(tx: Transaction, note: Note) -> Transaction:
    """Give a transaction whose every write is noted."""
    return cast(Transaction, _Watched(tx, note))


class _Watched:
    """A transaction or one of its aggregates; every write is noted before it is made."""

    def __init__(self, inner: object, note: Note) -> None:
        self._inner = inner
        self._note = note

    def __getattr__(self, name: str) -> object:
        if name == "sales":
            # It writes through the other aggregates, each write of which is to be seen.
            return SQLiteSales(cast(Transaction, self))
        value = getattr(self._inner, name)
        if not callable(value):
            return _Watched(value, self._note)
        if not name.startswith(WRITING):
            return value
        return self._noted(name, value)

    def _noted(self, name: str, write: Callable[..., object]) -> Callable[..., object]:
        def noted(*args: object, **kwargs: object) -> object:
            self._note(name, *args)
            return write(*args, **kwargs)

        return noted
