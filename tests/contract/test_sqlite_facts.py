from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.validation import Facts
from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.store import Store
from tests.contract.validation_facts_contract import ValidationFactsContract


class TestCachedOverAFile(ValidationFactsContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SQLiteStore]:
        with SQLiteStore.open(tmp_path / "keysat.db") as store:
            yield store

    @pytest.fixture
    def facts(self, store: Store) -> Iterator[ValidationFacts]:
        assert isinstance(store, SQLiteStore)
        with closing(CachedFacts(store)) as facts:
            yield facts


class TestCachedInMemory(ValidationFactsContract):
    @pytest.fixture
    def store(self) -> Iterator[SQLiteStore]:
        with SQLiteStore.open() as store:
            yield store

    @pytest.fixture
    def facts(self, store: Store) -> Iterator[ValidationFacts]:
        assert isinstance(store, SQLiteStore)
        with closing(CachedFacts(store)) as facts:
            yield facts


class InTransactions:
    """Each question in a transaction of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        with self._store.reading() as tx:
            return tx.facts.find_facts(license_id, fingerprint_hash)


class TestInATransaction(ValidationFactsContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SQLiteStore]:
        with SQLiteStore.open(tmp_path / "keysat.db") as store:
            yield store

    @pytest.fixture
    def facts(self, store: Store) -> ValidationFacts:
        return InTransactions(store)
