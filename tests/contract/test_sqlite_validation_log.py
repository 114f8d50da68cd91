from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.validation_log import SQLiteValidationLog
from keysat_core.ports.activity import ValidationLog
from tests.contract.validation_log_contract import ValidationLogContract


class TestSQLiteFile(ValidationLogContract):
    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[ValidationLog]:
        with closing(SQLiteValidationLog(ActivityFile(tmp_path / "keysat-activity.db"))) as log:
            yield log


class TestSQLiteInMemory(ValidationLogContract):
    @pytest.fixture
    def log(self) -> Iterator[ValidationLog]:
        with closing(SQLiteValidationLog(ActivityFile())) as log:
            yield log
