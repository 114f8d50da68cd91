"""Migrations: what is applied, what is refused, and that a refusal changes nothing."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import apsw
import msgspec
import pytest

from keysat_adapters.sqlite.archive import SQLiteArchive
from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.ledger import APPLICATION_ID
from keysat_adapters.sqlite.migration import Migration, packaged_migrations
from keysat_adapters.sqlite.migration_status import MigrationState, migration_status
from keysat_adapters.sqlite.migrations import migrate, migrate_file
from keysat_adapters.sqlite.schema_dump import dump_schema
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.errors import MigrationRefused, StoreUnavailable
from keysat_core.testing.ids import SeededIds
from tests.support.builders import make_product

replace = msgspec.structs.replace

ONE = Migration(
    version=1, name="one", sql="CREATE TABLE a (x INTEGER) STRICT;\nCREATE TABLE b (y);\n"
)
TWO = Migration(version=2, name="two", sql="INSERT INTO a VALUES (2);\n")
THREE = Migration(version=3, name="three", sql="INSERT INTO a VALUES (3);\n")
BROKEN = Migration(
    version=3, name="broken", sql="INSERT INTO a VALUES (3);\nINSERT INTO none VALUES (1);"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keysat.db"


def apply(path: Path, *migrations: Migration) -> list[int]:
    create_file(path)
    with closing(open_writer(path)) as connection:
        return [migration.version for migration in migrate(connection, migrations).applied]


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(apsw.Connection(str(path))) as connection:
        return list(connection.execute(sql).fetchall())


def files_beside(path: Path) -> dict[str, bytes]:
    """Give every byte that a database consists of; ``-shm`` is only shared memory."""
    found = path.parent.glob(f"{path.name}*")
    return {each.name: each.read_bytes() for each in found if not each.name.endswith("-shm")}


def states(path: Path, *migrations: Migration) -> list[tuple[int, str, str]]:
    return [(line.version, line.name, line.state) for line in migration_status(path, migrations)]


def open_and_count(path: Path, number: int) -> int:
    product = make_product(id=SeededIds(number).new(), slug=f"product-{number}")
    with SQLiteStore.open(path) as store, store.writing() as tx:
        tx.products.put_product(product)
        return tx.products.count_products()


# --- applying -----------------------------------------------------------------------------------


def test_a_fresh_file_gets_every_migration_in_order(path: Path) -> None:
    assert apply(path, ONE, TWO, THREE) == [1, 2, 3]
    assert rows(path, "SELECT x FROM a") == [(2,), (3,)]
    assert rows(path, "SELECT version, name FROM schema_migrations") == [
        (1, "one"),
        (2, "two"),
        (3, "three"),
    ]
    assert rows(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


def test_a_second_start_applies_nothing(path: Path) -> None:
    apply(path, ONE, TWO)
    before = rows(path, "SELECT * FROM schema_migrations")
    assert apply(path, ONE, TWO) == []
    assert rows(path, "SELECT * FROM schema_migrations") == before


def test_only_what_is_missing_is_applied(path: Path) -> None:
    apply(path, ONE)
    assert apply(path, ONE, TWO, THREE) == [2, 3]


def test_every_statement_of_a_migration_runs(path: Path) -> None:
    """A cursor that is not drained runs the first statement only."""
    apply(path, ONE)
    assert rows(path, "SELECT count(*) FROM b") == [(0,)]


def test_a_migration_that_fails_leaves_nothing_of_itself(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no such table"):
        apply(path, ONE, TWO, BROKEN)
    assert rows(path, "SELECT x FROM a") == [(2,)]
    assert states(path, ONE, TWO, THREE)[-1] == (3, "three", "pending")
    assert apply(path, ONE, TWO, THREE) == [3]


def test_a_migration_that_leaves_dangling_references_is_undone(path: Path) -> None:
    parents = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id))"
    dangling = "PRAGMA defer_foreign_keys = 1; INSERT INTO c VALUES (7)"
    apply(path, replace(ONE, sql=parents))
    with pytest.raises(MigrationRefused, match="dangling references in table c"):
        apply(path, replace(ONE, sql=parents), replace(TWO, sql=dangling))
    assert rows(path, "SELECT count(*) FROM c") == [(0,)]


def test_processes_that_start_at_once_on_a_fresh_file_all_succeed(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawn) as pool:
        counts = sorted(pool.map(open_and_count, [path / "deep" / "keysat.db"] * 4, range(4)))
    assert counts == [1, 2, 3, 4]


def test_a_store_that_must_not_migrate_says_what_to_do(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist"):
        SQLiteStore.open(path, migrate=False)
    assert not path.exists()
    with closing(apsw.Connection(str(path))) as connection:
        migrate(connection, packaged_migrations()[:1])
    with pytest.raises(MigrationRefused, match="start the server once"):
        SQLiteStore.open(path, migrate=False)
    SQLiteStore.open(path).close()
    SQLiteStore.open(path, migrate=False).close()


@pytest.mark.parametrize("opening", [partial(SQLiteStore.open, migrate=False), SQLiteArchive.open])
def test_an_empty_file_is_refused_and_stays_empty(
    opening: Callable[[Path], object], path: Path
) -> None:
    create_file(path)
    with pytest.raises(MigrationRefused, match=r"empty: restore a backup, or run keysat migrate"):
        opening(path)
    assert path.stat().st_size == 0
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("remains", ["keysat-activity.db", "backups/keysat-1.db"])
@pytest.mark.parametrize("beginning", [SQLiteStore.open, migrate_file])
def test_no_shop_is_begun_in_a_file_that_lost_one(
    remains: str, beginning: Callable[[Path], object], path: Path
) -> None:
    create_file(path)
    other = path.parent / remains
    other.parent.mkdir(exist_ok=True)
    other.touch()
    with pytest.raises(MigrationRefused, match=f"{remains} tells of a shop: restore a backup"):
        beginning(path)
    assert path.stat().st_size == 0
    path.unlink()
    SQLiteStore.open(path).close()
    SQLiteStore.open(path).close()


# --- checksums ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        ONE.sql.replace("\n", "\r\n"),
        ONE.sql.replace("\n", "\r"),
        ONE.sql.replace("\n", "  \t\n"),
        ONE.sql.rstrip("\n"),
        ONE.sql + "\n\n \n",
    ],
)
def test_packaging_cannot_change_a_checksum(path: Path, sql: str) -> None:
    apply(path, ONE)
    assert apply(path, replace(ONE, sql=sql), TWO) == [2]


@pytest.mark.parametrize(
    "sql",
    [
        ONE.sql.replace("x INTEGER", "x  INTEGER"),
        "  " + ONE.sql,
        ONE.sql.replace("STRICT;\n", "STRICT; "),
        "\n" + ONE.sql,
    ],
)
def test_a_real_change_is_refused_with_what_to_do(path: Path, sql: str) -> None:
    apply(path, ONE)
    before = files_beside(path)
    with pytest.raises(MigrationRefused) as refusal:
        apply(path, replace(ONE, sql=sql), TWO)
    assert "0001_one" in str(refusal.value)
    assert "install that release, or restore a backup" in str(refusal.value)
    assert files_beside(path) == before


# --- refusals -----------------------------------------------------------------------------------


def test_a_database_of_a_newer_program_is_refused(path: Path) -> None:
    apply(path, ONE, TWO, THREE)
    before = files_beside(path)
    with pytest.raises(MigrationRefused, match=r"schema 3.*only up to 1.*newer Keysat"):
        apply(path, ONE)
    assert files_beside(path) == before


def test_a_gap_in_the_ledger_is_refused(path: Path) -> None:
    apply(path, ONE, THREE)
    with pytest.raises(MigrationRefused, match="lacks migration 0002"):
        apply(path, ONE, TWO, THREE)


def strange_file(path: Path, *statements: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE notes (text)"],
        ["CREATE TABLE schema_migrations (version)"],
        ["PRAGMA application_id = 252006674"],
        ["PRAGMA journal_mode = wal", "CREATE TABLE notes (text)"],
    ],
)
def test_a_database_of_another_program_is_left_untouched(path: Path, statements: list[str]) -> None:
    strange_file(path, *statements)
    before = files_beside(path)
    with pytest.raises(MigrationRefused, match="belongs to another program"):
        SQLiteStore.open(path)
    with pytest.raises(MigrationRefused, match="belongs to another program"):
        migration_status(path)
    assert files_beside(path) == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_of_the_earlier_server_is_left_untouched(path: Path, mode: str) -> None:
    strange_file(
        path,
        f"PRAGMA journal_mode = {mode}",
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)",
        "CREATE TABLE products (id TEXT PRIMARY KEY)",
    )
    before = files_beside(path)
    with pytest.raises(MigrationRefused, match="run keysat import"):
        SQLiteStore.open(path)
    with pytest.raises(MigrationRefused, match="earlier Keysat server"):
        migration_status(path)
    assert files_beside(path) == before


def test_an_earlier_servers_unfinished_log_is_left_untouched(path: Path) -> None:
    """As after a crash: rows only in the write-ahead log must not be moved into the file."""
    strange_file(path, "PRAGMA journal_mode = wal")
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE _sqlx_migrations (version)").fetchall()
        crashed = {name: data for name, data in files_beside(path).items() if data}
        copy = path.with_name("copy.db")
        for name, data in crashed.items():
            (path.parent / name.replace("keysat.db", "copy.db")).write_bytes(data)
    before = files_beside(copy)
    assert set(before) == {"copy.db", "copy.db-wal"}
    with pytest.raises(MigrationRefused, match="run keysat import"):
        SQLiteStore.open(copy)
    assert files_beside(copy) == before


def test_a_file_that_is_no_database_is_left_untouched(path: Path) -> None:
    path.write_bytes(b"Dear diary, today I was mistaken for a database. " * 99)
    before = files_beside(path)
    for look in (SQLiteStore.open, migration_status):
        with pytest.raises(StoreUnavailable, match="not an SQLite database"):
            look(path)
    assert files_beside(path) == before


# --- status -------------------------------------------------------------------------------------


def test_the_status_of_a_missing_file_makes_no_file(path: Path) -> None:
    assert states(path, ONE, TWO) == [(1, "one", "pending"), (2, "two", "pending")]
    assert list(path.parent.iterdir()) == []


def test_the_status_tells_every_state_and_changes_nothing(path: Path) -> None:
    apply(path, ONE, TWO, THREE)
    before = files_beside(path)
    four = Migration(version=4, name="four", sql="")
    assert states(path, ONE, replace(TWO, sql="changed"), four) == [
        (1, "one", MigrationState.APPLIED),
        (2, "two", MigrationState.CHANGED),
        (3, "three", MigrationState.UNKNOWN),
        (4, "four", MigrationState.PENDING),
    ]
    assert files_beside(path) == before


def test_the_status_can_be_asked_while_a_server_runs(path: Path) -> None:
    with SQLiteStore.open(path) as store, store.writing() as tx:
        tx.products.put_product(make_product())
        assert {line.state for line in migration_status(path)} == {MigrationState.APPLIED}


# --- the migrations themselves ------------------------------------------------------------------


def test_the_packaged_migrations_are_numbered_without_gap() -> None:
    versions = [migration.version for migration in packaged_migrations()]
    assert versions == list(range(1, len(versions) + 1))


def test_every_table_is_strict_and_every_reference_has_an_index() -> None:
    with closing(open_writer(":memory:")) as connection:
        migrate(connection)
        tables = connection.execute(
            "SELECT name, strict FROM pragma_table_list WHERE schema = 'main'"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        assert [name for name, strict in tables if not strict] == []
        bare = connection.execute(
            'SELECT t.name, f."from" FROM pragma_table_list t'
            " JOIN pragma_foreign_key_list(t.name) f WHERE NOT EXISTS ("
            "  SELECT 1 FROM pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c"
            '  WHERE c.seqno = 0 AND c.name = f."from" AND i.partial = 0)'
        ).fetchall()
        assert bare == []


def test_the_dump_makes_the_same_schema_again() -> None:
    dump = dump_schema()
    assert dump == dump_schema()
    assert dump.endswith(";\n")
    with closing(apsw.Connection(":memory:")) as copy, closing(open_writer(":memory:")) as original:
        copy.execute(dump).fetchall()
        migrate(original)
        named = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY 1, 2"
        assert copy.execute(named).fetchall() == original.execute(named).fetchall()
