"""What the SQLite validation log promises beyond its port: its file, its bounds, its failures."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from keysat_adapters.sqlite.activity_file import ActivityFile, activity_path
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.sqlite.validation_days import find_differences
from keysat_adapters.sqlite.validation_log import SQLiteValidationLog
from keysat_core.domain.activity import ValidationEntry
from keysat_core.errors import StoreUnavailable
from tests.support.builders import NOW, later


def entry(number: int = 0, **fields: str) -> ValidationEntry:
    return ValidationEntry(result=f"r{number}", occurred_at=later(number), **fields)


def test_the_log_lies_beside_the_main_database() -> None:
    assert activity_path("/data/keysat.db") == Path("/data/keysat-activity.db")
    assert activity_path(Path("shop.sqlite3")) == Path("shop-activity.db")
    assert activity_path(":memory:") == ":memory:"


def test_entries_come_back_whole_and_newest_first(tmp_path: Path) -> None:
    full = ValidationEntry(
        result="ok",
        license_id="l",
        product_id="p",
        machine_id="m",
        fingerprint_hash="f",
        client_ip="::1",
        user_agent="\u00e4gent",
        detail="d",
        occurred_at=NOW,
    )
    with closing(SQLiteValidationLog(ActivityFile(tmp_path / "log.db"))) as log:
        log.note(entry(1))
        log.note(full)
        log.flush()
        assert log.list_entries(9) == [full, entry(1)]
        assert log.list_entries(1) == [full]
        assert log.list_entries(-1) == []


def test_half_a_surrogate_pair_is_replaced_and_the_rest_kept() -> None:
    with closing(SQLiteValidationLog(ActivityFile())) as log:
        log.note(entry(user_agent="a\ud800\u00e9"))
        log.flush()
        assert log.list_entries(1)[0].user_agent == "a?\u00e9"


def test_the_log_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log.db"
    with closing(SQLiteValidationLog(ActivityFile(path))) as log:
        log.note(entry())
        log.flush()
        assert path.stat().st_mode & 0o777 == 0o600


def test_closing_writes_what_is_queued_and_takes_no_more(tmp_path: Path) -> None:
    log = SQLiteValidationLog(ActivityFile(tmp_path / "log.db"))
    log.note(entry(1))
    log.close()
    log.note(entry(2))
    log.close()
    assert log.dropped_count == 1
    with closing(SQLiteValidationLog(ActivityFile(tmp_path / "log.db"))) as again:
        assert again.list_entries(9) == [entry(1)]


def test_a_full_queue_loses_its_oldest_and_counts_them() -> None:
    with closing(SQLiteValidationLog(ActivityFile(), queue_max=3)) as log:
        for number in range(5):
            log.note(entry(number))
        assert log.flush() == 3
        assert log.list_entries(9) == [entry(4), entry(3), entry(2)]
        assert log.dropped_count == 2


def test_a_disk_that_recovers_gets_what_was_queued_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "log.db"
    path.parent.write_bytes(b"a file where the folder should be")
    with closing(SQLiteValidationLog(ActivityFile(path), queue_max=3)) as log:
        for number in range(2):
            log.note(entry(number))
        assert log.flush() == 0
        assert "cannot be created" in (log.problem or "")
        for number in range(2, 4):
            log.note(entry(number))
        assert log.flush() == 0
        path.parent.unlink()
        assert log.flush() == 3
        assert log.problem is None
        assert log.list_entries(9) == [entry(3), entry(2), entry(1)]
        assert log.dropped_count == 1


def test_entries_noted_while_the_disk_fails_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.mkdir()
    with closing(SQLiteValidationLog(ActivityFile(path))) as log:
        for number in range(4):
            log.note(entry(number))
            assert log.flush() == 0
        path.rmdir()
        assert log.flush() == 4
        assert log.list_entries(9) == [entry(number) for number in (3, 2, 1, 0)]
        assert log.dropped_count == 0


def test_what_cannot_be_written_at_the_end_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.mkdir()
    log = SQLiteValidationLog(ActivityFile(path))
    log.note(entry())
    log.close()
    assert log.dropped_count == 1


def test_a_group_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(SQLiteValidationLog(ActivityFile(path))) as log:
        log.note(entry(0))
        log.flush()
        other = apsw.Connection(str(path))
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON validations WHEN new.result = 'r2'"
            " BEGIN SELECT raise(ABORT, 'no'); END"
        ).fetchall()
        for number in range(1, 4):
            log.note(entry(number))
        assert log.flush() == 0
        assert log.list_entries(9) == [entry(0)]
        other.execute("DROP TRIGGER full").fetchall()
        other.close()
        assert log.flush() == 3


def test_the_oldest_entries_are_purged_a_batch_at_a_time() -> None:
    with closing(SQLiteValidationLog(ActivityFile())) as log:
        for number in range(6):
            log.note(entry(number))
        log.flush()
        assert log.purge(later(4), 3, ahead=later(99)) == 3
        assert log.purge(later(4), 3, ahead=later(99)) == 1
        assert log.purge(later(4), 3, ahead=later(99)) == 0
        assert log.list_entries(9) == [entry(5), entry(4)]


def test_what_is_purged_stays_counted_but_for_what_a_clock_put_ahead() -> None:
    with closing(SQLiteValidationLog(ActivityFile())) as log:
        for number in (1, 3, 9_000_000):
            log.note(entry(number))
        log.flush()
        day, far = NOW // 86_400, 10**6
        assert [one.number for one in log.daily_counts(0, far)] == [1, 1, 1]
        assert log.purge(later(2), 9, ahead=later(99)) == 2
        assert log.daily_counts(0, far) == [(day, "r1", 1), (day, "r3", 1)]


def test_a_log_of_an_earlier_release_is_counted_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(SQLiteValidationLog(ActivityFile(path))) as log:
        for _ in range(3):
            log.note(entry(1))
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE validation_days").fetchall()
    connection.close()
    assert find_differences(path) is None
    with closing(SQLiteValidationLog(ActivityFile(path))) as log:
        assert log.daily_counts(0, 10**6) == [(NOW // 86_400, "r1", 3)]
    assert find_differences(path) == 0


def test_a_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with SQLiteStore.open(path):
        pass
    with closing(SQLiteValidationLog(ActivityFile(path))) as log:
        log.note(entry())
        assert log.flush() == 0
        assert "another program" in (log.problem or "")
        with pytest.raises(StoreUnavailable):
            log.list_entries(1)
        with pytest.raises(StoreUnavailable):
            log.purge(NOW, 1, ahead=NOW)


def test_a_damaged_file_fails_the_listing_and_not_the_notes(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(b"not a database at all" * 100)
    with closing(SQLiteValidationLog(ActivityFile(path))) as log:
        log.note(entry())
        assert log.flush() == 0
        with pytest.raises(StoreUnavailable, match="not an SQLite database"):
            log.list_entries(1)


def test_the_live_table_has_no_index_to_keep_up(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(SQLiteValidationLog(ActivityFile(path))) as log:
        log.note(entry())
        log.flush()
    connection = apsw.Connection(str(path))
    of_log = "SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'validations'"
    assert connection.execute(of_log).fetchall() == [(1,)]
    assert connection.pragma("journal_mode") == "wal"
    connection.close()
