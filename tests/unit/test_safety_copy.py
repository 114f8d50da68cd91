"""Before a database with anything in it is migrated, a checked copy of it is beside it."""

import multiprocessing
import stat
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.ledger import read_ledger
from keysat_adapters.sqlite.migration import Migration, packaged_migrations
from keysat_adapters.sqlite.migrations import Migrated, migrate, migrate_file
from keysat_core.errors import MigrationRefused, StoreUnavailable
from tests.support.stocked import bytes_of, rows_in, run

ONE = Migration(version=1, name="one", sql="CREATE TABLE a (x INTEGER) STRICT;")
TWO = Migration(version=2, name="two", sql="INSERT INTO a VALUES (2);")
THREE = Migration(version=3, name="three", sql="INSERT INTO a VALUES (3);")
BROKEN = Migration(version=2, name="broken", sql="INSERT INTO a VALUES (2); INSERT INTO none;")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database at schema 1 with a row in it."""
    path = tmp_path / "keysat.db"
    assert apply(path, ONE) == Migrated([ONE], [], None)
    run(path, "INSERT INTO a VALUES (1)")
    return path


def apply(path: Path, *migrations: Migration) -> Migrated:
    create_file(path)
    with closing(open_writer(path)) as connection:
        return migrate(connection, migrations)


def names_beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def migrate_in_a_process(path: Path) -> tuple[int, bool]:
    done = migrate_file(path)
    return len(done.applied), done.copy_path is not None


def test_the_copy_is_the_database_as_it_was(path: Path) -> None:
    done = apply(path, ONE, TWO, THREE)
    assert done.applied == [TWO, THREE]
    assert done.copy_path == path.with_name("keysat-before-0002.db")
    assert names_beside(path) == ["keysat-before-0002.db", "keysat.db"]
    assert rows_in(done.copy_path) == {"a": [(1,)]}
    assert list(read_ledger(done.copy_path)) == [1]
    assert stat.S_IMODE(done.copy_path.stat().st_mode) == 0o600


def test_a_start_that_migrates_nothing_copies_nothing(path: Path) -> None:
    assert apply(path, ONE) == Migrated([], [], None)
    assert names_beside(path) == ["keysat.db"]


def test_a_new_or_empty_database_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    assert apply(path, ONE, TWO).copy_path is None
    empty = tmp_path / "empty.db"
    apply(empty, ONE)
    assert apply(empty, ONE, TWO).copy_path is None
    assert names_beside(path) == ["empty.db", "new.db"]


def test_a_taken_name_gets_a_number(path: Path) -> None:
    path.with_name("keysat-before-0002.db").write_text("mine")
    path.with_name("keysat-before-0002-2.db").write_text("mine too")
    done = apply(path, ONE, TWO)
    assert done.copy_path == path.with_name("keysat-before-0002-3.db")
    assert path.with_name("keysat-before-0002.db").read_text() == "mine"


def test_a_link_that_leads_nowhere_takes_a_name_too(path: Path) -> None:
    path.with_name("keysat-before-0002.db").symlink_to(path.with_name("gone.db"))
    assert apply(path, ONE, TWO).copy_path == path.with_name("keysat-before-0002-2.db")
    assert not path.with_name("gone.db").exists()


def test_the_second_name_of_an_earlier_copy_is_cleared_away(path: Path) -> None:
    second = path.with_name("keysat-before-0001.db.keysat-partial")
    second.write_text("half a copy")
    apply(path, ONE, TWO)
    assert not second.exists()


def test_without_a_copy_nothing_is_migrated(path: Path) -> None:
    path.with_name("keysat-before-0002.db.keysat-partial").mkdir()
    before = bytes_of(path)
    with pytest.raises(MigrationRefused, match=r"0002_two was not begun.*let it be written to"):
        apply(path, ONE, TWO)
    assert bytes_of(path) == before


def test_a_damaged_database_is_not_migrated(path: Path) -> None:
    """What would be wrong in the copy must not be made worse in the original."""
    run(path, "CREATE INDEX a_by_x ON a (x)", "PRAGMA journal_mode = delete")
    data = bytearray(path.read_bytes())
    # The key of the one entry of the index, in the last cell of the last page.
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(MigrationRefused, match="the database is damaged"):
        apply(path, ONE, TWO)
    assert names_beside(path) == ["keysat.db"]


def test_a_failed_start_leaves_no_copy_so_that_many_cannot_fill_the_disk(path: Path) -> None:
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            apply(path, ONE, BROKEN)
        assert names_beside(path) == ["keysat.db"]


def test_a_copy_is_kept_when_only_a_later_migration_fails(path: Path) -> None:
    broken = Migration(version=3, name="broken", sql="INSERT INTO none;")
    with pytest.raises(StoreUnavailable):
        apply(path, ONE, TWO, broken)
    assert names_beside(path) == ["keysat-before-0002.db", "keysat.db"]
    assert rows_in(path.with_name("keysat-before-0002.db")) == {"a": [(1,)]}


def test_what_a_killed_copy_left_is_replaced(path: Path) -> None:
    path.with_name("keysat-before-0002.db.keysat-partial").write_text("half a database")
    assert apply(path, ONE, TWO).copy_path is not None
    assert names_beside(path) == ["keysat-before-0002.db", "keysat.db"]


def test_of_processes_that_start_at_once_each_change_is_made_by_one_and_the_first_copy_kept(
    tmp_path: Path,
) -> None:
    path = tmp_path / "keysat.db"
    apply(path, packaged_migrations()[0])
    run(path, "INSERT INTO settings VALUES ('k', 'v', 1)")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawn) as pool:
        done = sorted(pool.map(migrate_in_a_process, [path] * 4))
    due = len(packaged_migrations()) - 1
    assert sum(count for count, _ in done) == due
    # Between two changes another process may go on, with a copy of its own.
    assert 1 <= sum(copied for _, copied in done) <= due
    assert names_beside(path)[0] == "keysat-before-0002.db"
    assert rows_in(path)["settings"] == [("k", "v", 1)]
