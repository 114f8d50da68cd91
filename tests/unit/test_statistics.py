"""Counting a database as a whole: its file, and that counting stays cheap."""

from pathlib import Path

import apsw

from keysat_adapters.sqlite import statistics
from keysat_adapters.sqlite.store import SQLiteStore


def test_the_file_and_its_log_are_told_with_their_sizes(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    with SQLiteStore.open(path) as store, store.reading() as tx:
        info = tx.statistics.database_info()
        assert Path(info.path) == path
        assert info.size_bytes == path.stat().st_size
        assert info.wal_size_bytes == path.with_name("keysat.db-wal").stat().st_size


def test_counting_reads_no_large_table(tmp_path: Path) -> None:
    """Large tables are counted as they change (migration 13)."""
    path = tmp_path / "keysat.db"
    SQLiteStore.open(path).close()
    connection = apsw.Connection(str(path))

    def plan(sql: str) -> str:
        return " / ".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"))

    for counted in (statistics._KEPT, statistics._KEPT_OF_STATUS, statistics._LIVE_MACHINES):
        assert plan(counted.replace("?", "'x'")) == (
            "SEARCH row_counts USING PRIMARY KEY (counted=?)"
        )
    assert "SCAN audit_log" not in plan(statistics._AUDIT_ROWS)
    connection.close()
