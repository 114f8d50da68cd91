from collections.abc import Iterator
from pathlib import Path

import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.ports.store import Store
from tests.contract.store_contract import StoreContract


class TestSQLiteFile(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with SQLiteStore.open(tmp_path / "keysat.db") as store:
            yield store


class TestSQLiteInMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        with SQLiteStore.open() as store:
            yield store
