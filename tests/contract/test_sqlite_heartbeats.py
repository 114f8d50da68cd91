from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.heartbeats import SQLiteHeartbeats
from keysat_core.ports.activity import Heartbeats
from tests.contract.heartbeats_contract import HeartbeatsContract


class TestSQLiteFile(HeartbeatsContract):
    @pytest.fixture
    def heartbeats(self, tmp_path: Path) -> Iterator[Heartbeats]:
        with closing(ActivityFile(tmp_path / "keysat-activity.db")) as file:
            yield SQLiteHeartbeats(file)


class TestSQLiteInMemory(HeartbeatsContract):
    @pytest.fixture
    def heartbeats(self) -> Heartbeats:
        return SQLiteHeartbeats(ActivityFile())
