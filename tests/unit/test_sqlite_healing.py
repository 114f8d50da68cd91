"""Healing: a certified migration whose checksum drifted never stops a start, nor costs a row."""

import logging
import re
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.healing import Remedy
from keysat_adapters.sqlite.ledger import read_ledger
from keysat_adapters.sqlite.migration import CERTIFIED, Migration, packaged_migrations
from keysat_adapters.sqlite.migration_status import MigrationState, migration_status
from keysat_adapters.sqlite.migrations import Migrated, migrate, migrate_file
from keysat_adapters.sqlite.schema_dump import dump_schema
from keysat_adapters.sqlite.shape import (
    differences,
    shape_after,
    shape_of,
    tables_touched_by,
)
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.errors import MigrationRefused
from tests.support.stocked import bytes_of, rows_in, run, schema_in, stock

replace = msgspec.structs.replace

FIRST = Migration(version=1, name="first", sql="CREATE TABLE a (x INTEGER) STRICT;")
SECOND = Migration(
    version=2,
    name="second",
    sql="CREATE TABLE IF NOT EXISTS b (y INTEGER) STRICT;",
    is_certified=True,
)
UNRELATED = Migration(version=3, name="unrelated", sql="CREATE TABLE c (z INTEGER) STRICT;")
INDEXING = Migration(version=3, name="indexing", sql="CREATE INDEX b_by_y ON b (y);")
FILLING = Migration(version=3, name="filling", sql="INSERT INTO b VALUES (7);")

certified = [one for one in packaged_migrations() if one.is_certified]
uncertified = [one for one in packaged_migrations() if not one.is_certified]


def by_label(migration: Migration) -> str:
    return migration.label


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keysat.db"


def poison(path: Path, version: int) -> None:
    run(path, f"UPDATE schema_migrations SET checksum = 'poison' WHERE version = {version}")  # noqa: S608


def apply(path: Path, *migrations: Migration) -> Migrated:
    create_file(path)
    with closing(open_writer(path)) as connection:
        return migrate(connection, migrations)


def remedies(done: Migrated) -> list[tuple[str, Remedy]]:
    return [(migration.label, remedy) for migration, remedy in done.healed]


# --- the packaged migrations --------------------------------------------------------------------


def test_there_is_something_certified_and_the_first_schema_is_not() -> None:
    assert {migration.label for migration in certified} == CERTIFIED
    assert "0001_initial" not in CERTIFIED


@pytest.mark.defects("D30")
@pytest.mark.parametrize("migration", certified, ids=by_label)
def test_a_migration_that_adds_a_column_is_never_certified(migration: Migration) -> None:
    assert not re.search(r"\bALTER\s+TABLE\b[^;]*\bADD\b", migration.sql, re.IGNORECASE)


@pytest.mark.defects("D30")
@pytest.mark.parametrize("migration", certified, ids=by_label)
def test_a_certified_migration_runs_again_on_the_newest_database_without_loss(
    migration: Migration, path: Path
) -> None:
    stock(path)
    with SQLiteStore.open(path):
        pass
    run(path, "INSERT INTO leases VALUES ('a job', 'somebody', 5, 4)")
    rows, schema = rows_in(path), schema_in(path)
    with closing(open_writer(path)) as connection:
        connection.execute("BEGIN IMMEDIATE").fetchall()
        migration.run(connection)
        connection.execute("COMMIT").fetchall()
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert {name: len(each) for name, each in rows_in(path).items()} == {
        name: len(each) for name, each in rows.items()
    }
    assert rows_in(path) == rows
    assert schema_in(path) == schema


@pytest.mark.parametrize("migration", certified, ids=by_label)
def test_a_poisoned_checksum_heals_with_a_warning_and_loses_nothing(
    migration: Migration, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stock(path)
    rows, schema, ledger = rows_in(path), schema_in(path), read_ledger(path)
    poison(path, migration.version)
    with caplog.at_level(logging.WARNING), SQLiteStore.open(path):
        pass
    assert (rows_in(path), schema_in(path), read_ledger(path)) == (rows, schema, ledger)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert migration.label in record.getMessage()
    assert [each.name for each in path.parent.iterdir()] == ["keysat.db"]


@pytest.mark.parametrize("migration", uncertified, ids=by_label)
def test_a_poisoned_checksum_of_any_other_is_refused_and_changes_nothing(
    migration: Migration, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stock(path)
    poison(path, migration.version)
    before = bytes_of(path)
    with pytest.raises(MigrationRefused) as refused:
        SQLiteStore.open(path)
    assert migration.label in str(refused.value)
    assert "install that release, or restore a backup" in str(refused.value)
    assert bytes_of(path) == before
    assert [each.name for each in path.parent.iterdir()] == ["keysat.db"]
    assert caplog.records == []


def test_one_that_cannot_be_healed_keeps_all_others_from_being_touched(path: Path) -> None:
    stock(path)
    poison(path, 1)
    poison(path, 2)
    before = bytes_of(path)
    with pytest.raises(MigrationRefused, match="0001_initial"):
        SQLiteStore.open(path)
    assert bytes_of(path) == before


def test_a_lost_table_is_made_again_and_the_damaged_database_kept(path: Path) -> None:
    stock(path)
    schema = schema_in(path)
    poison(path, 2)
    run(path, "DROP TABLE leases")
    rows = rows_in(path)
    done = migrate_file(path)
    assert remedies(done) == [("0002_leases", Remedy.RUN_AGAIN)]
    assert schema_in(path) == schema
    assert rows_in(path) == rows | {"leases": []}
    assert done.copy_path == path.with_name("keysat-before-0002.db")
    assert rows_in(done.copy_path) == rows


def test_every_step_of_the_way_ends_in_the_same_schema(path: Path) -> None:
    known = packaged_migrations()
    for count in range(1, len(known) + 1):
        apply(path, *known[:count])
    with closing(open_writer(path)) as connection:
        assert differences(shape_of(connection), shape_after(known)) == []
    assert "CREATE TABLE leases" in dump_schema()


# --- what decides -------------------------------------------------------------------------------


def test_a_right_shape_is_enough_even_after_others_changed_the_table(path: Path) -> None:
    apply(path, FIRST, SECOND, INDEXING)
    poison(path, 2)
    done = apply(path, FIRST, SECOND, INDEXING)
    assert remedies(done) == [("0002_second", Remedy.CHECKSUM_REWRITTEN)]
    assert apply(path, FIRST, SECOND, INDEXING) == Migrated([], [], None)


def test_a_wrong_shape_is_mended_if_nothing_later_depends_on_it(path: Path) -> None:
    apply(path, FIRST, SECOND, UNRELATED)
    poison(path, 2)
    run(path, "DROP TABLE b", "INSERT INTO a VALUES (1)")
    done = apply(path, FIRST, SECOND, UNRELATED)
    assert remedies(done) == [("0002_second", Remedy.RUN_AGAIN)]
    assert rows_in(path) == {"a": [(1,)], "b": [], "c": []}


@pytest.mark.parametrize("later", [INDEXING, FILLING], ids=by_label)
def test_a_wrong_shape_is_refused_if_a_later_migration_touched_the_table(
    later: Migration, path: Path
) -> None:
    apply(path, FIRST, SECOND, later)
    poison(path, 2)
    run(path, "DROP TABLE b")
    before = bytes_of(path)
    with pytest.raises(MigrationRefused) as refused:
        apply(path, FIRST, SECOND, later)
    said = str(refused.value)
    assert "table b is missing" in said
    assert later.label in said
    assert "restore a backup" in said
    assert bytes_of(path) == before


def test_running_again_what_does_not_mend_is_undone(path: Path) -> None:
    apply(path, FIRST, SECOND)
    poison(path, 2)
    run(path, "DROP TABLE b", "CREATE TABLE b (other TEXT)", "INSERT INTO b VALUES ('kept')")
    before = rows_in(path), schema_in(path), read_ledger(path)
    with pytest.raises(MigrationRefused, match="table b is declared otherwise"):
        apply(path, FIRST, SECOND)
    assert (rows_in(path), schema_in(path), read_ledger(path)) == before
    assert [each.name for each in path.parent.iterdir()] == ["keysat.db"]


def test_what_is_pending_follows_what_was_healed(path: Path) -> None:
    apply(path, FIRST, SECOND)
    poison(path, 2)
    done = apply(path, FIRST, SECOND, UNRELATED)
    assert remedies(done) == [("0002_second", Remedy.CHECKSUM_REWRITTEN)]
    assert done.applied == [UNRELATED]


def test_spaces_and_comments_make_no_other_schema() -> None:
    plain = replace(FIRST, sql="CREATE TABLE a (x TEXT CHECK (x <> '--  no  comment'), y ANY);")
    spaced = replace(
        FIRST,
        sql="CREATE TABLE a (\n  x TEXT -- why\n CHECK ( x <> '--  no  comment' ),\n /* y */ y ANY );",
    )
    other = replace(FIRST, sql="CREATE TABLE a (x TEXT CHECK (x <> '-- no  comment'), y ANY);")
    assert differences(shape_after([plain]), shape_after([spaced])) == []
    assert differences(shape_after([plain]), shape_after([other])) == [
        "table a is declared otherwise"
    ]


def test_what_a_migration_touches_is_found_by_running_it() -> None:
    rebuilt = Migration(
        version=3,
        name="rebuilt",
        sql="CREATE TABLE n (x INTEGER); INSERT INTO n SELECT x FROM a; DROP TABLE a;"
        " ALTER TABLE n RENAME TO a; DELETE FROM b",
    )
    assert tables_touched_by(rebuilt, [FIRST, SECOND]) == {"a", "b", "n"}
    assert tables_touched_by(INDEXING, [FIRST, SECOND]) == {"b"}
    assert tables_touched_by(FILLING, [FIRST, SECOND]) == {"b"}
    assert tables_touched_by(SECOND, [FIRST]) == {"b"}


# --- saying it ----------------------------------------------------------------------------------


def states(path: Path, *migrations: Migration) -> list[str]:
    return [line.state for line in migration_status(path, migrations)]


def test_the_status_tells_what_would_heal_from_what_would_not(path: Path) -> None:
    apply(path, FIRST, SECOND, INDEXING)
    poison(path, 2)
    before = bytes_of(path)
    known = (FIRST, SECOND, INDEXING)
    assert states(path, *known) == ["applied", "healable", "applied"]
    assert bytes_of(path) == before
    run(path, "DROP TABLE b")
    assert states(path, *known) == ["applied", "changed", "applied"]
    assert states(path, FIRST, SECOND) == ["applied", "changed", MigrationState.UNKNOWN]


def test_a_command_beside_a_server_heals_nothing_but_says_how(path: Path) -> None:
    stock(path)
    poison(path, 2)
    before = bytes_of(path)
    with pytest.raises(MigrationRefused, match=r"0002_leases.*keysat migrate"):
        SQLiteStore.open(path, migrate=False)
    assert bytes_of(path) == before
