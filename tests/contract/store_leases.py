"""Leases of background jobs in every store."""

from abc import ABC, abstractmethod

import pytest

from keysat_core.domain.lease import Lease
from keysat_core.errors import StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import NOW, later


class LeasesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_job_never_leased_has_no_lease(self, store: Store) -> None:
        with store.reading() as tx:
            assert tx.leases.find_lease("purge") is None
            assert tx.leases.list_leases() == []

    def test_a_lease_comes_back_as_it_was_put(self, store: Store) -> None:
        held = Lease(name="b", holder="run-1", held_until=later(15), finished_at=NOW)
        free = Lease(name="a")
        with store.writing() as tx:
            tx.leases.put_lease(held)
            tx.leases.put_lease(free)
        with store.reading() as tx:
            assert tx.leases.find_lease("b") == held
            assert tx.leases.list_leases() == [free, held]

    def test_a_job_has_one_lease(self, store: Store) -> None:
        with store.writing() as tx:
            tx.leases.put_lease(Lease(name="a", holder="run-1", held_until=later(15)))
            tx.leases.put_lease(Lease(name="a", finished_at=NOW))
        with store.reading() as tx:
            assert tx.leases.list_leases() == [Lease(name="a", finished_at=NOW)]

    def test_a_lease_is_not_taken_while_reading(self, store: Store) -> None:
        with store.reading() as tx, pytest.raises(StoreUnavailable):
            tx.leases.put_lease(Lease(name="a"))
