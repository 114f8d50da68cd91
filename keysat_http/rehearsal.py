"""Rehearsals: a use case that runs for real and leaves nothing behind.

``--dry-run`` of the command line and ``?dry_run=true`` of the admin API run the very use case they
stand before. Its transaction is undone at the end, and nobody outside is asked or told anything.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import NoReturn

from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.errors import InvariantError, ProviderNotLoaded
from keysat_core.ports.bundle import Ports
from keysat_core.ports.store import Store, Transaction

DRY_RUN = "dry_run"
"""The query parameter that asks for a rehearsal, and the field of the answer that says it was one."""


class _Undone(Exception):
    """Ends a transaction without keeping it."""


class RehearsalStore:
    """Implements ``ports.store.Store``: what is written is seen within its transaction, then undone.

    A constraint that the database defers to the commit is not checked, because there is none.
    """

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a snapshot; see ``ports.store.Store``."""
        return self._store.reading()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a real write transaction, which is rolled back at its end; see ``ports.store.Store``."""
        try:
            with self._store.writing() as tx:
                yield tx
                raise _Undone  # noqa: TRY301  only an exception undoes a transaction
        except _Undone:
            pass


class NoProviders:
    """Implements ``ports.payments.PaymentProviders``: there is nobody to ask."""

    __slots__ = ()

    def kinds(self) -> frozenset[ProviderKind]:
        """Give none."""
        return frozenset()

    def provider_for(self, account: ProviderAccount) -> NoReturn:
        """Refuse.

        Raises:
            ProviderNotLoaded: always.
        """
        raise ProviderNotLoaded(account.kind, "a dry run asks nobody")


def rehearsed(ports: Ports) -> Ports:
    """Give ports with which nothing is kept, and nobody outside is asked or told."""
    return replace(
        ports,
        store=RehearsalStore(ports.store),
        providers=NoProviders(),
        btcpay=None,
        zaprite=None,
        saved_payments=None,
        lightning=None,
        webhooks=None,
    )


def is_rehearsed(ports: Ports) -> bool:
    """Tell whether these ports keep nothing."""
    return isinstance(ports.store, RehearsalStore)


def refuse_rehearsal(ports: Ports, why: str) -> None:
    """Keep an operation that acts outside this server from being rehearsed.

    Raises:
        InvariantError: these ports keep nothing.
    """
    if is_rehearsed(ports):
        raise InvariantError(DRY_RUN, why)
