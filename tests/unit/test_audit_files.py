"""The audit chain in files: damaged ones, older ones, backups, and logs longer than a page."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw
import pytest

from keysat_adapters.sqlite.archive import SQLiteArchive
from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.migrations import migrate
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.audit_chain import Anchor
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.errors import MigrationRefused, StoreUnavailable
from keysat_core.limits import AUDIT_CHAIN_BATCH
from tests.support.builders import make_audit
from tests.support.tampering import overwrite, tamper, told, verified, write_log

ROWS: Final = 2 * AUDIT_CHAIN_BATCH + 345
PAGE: Final = 4096
CHANGED: Final = 1_234


def needle(number: int) -> bytes:
    return f"needle-{number:06d}-".encode()


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database file whose every audit row holds a text of its own, in the table alone."""
    path = tmp_path_factory.mktemp("log") / "keysat.db"
    rows = range(1, ROWS + 1)
    write_log(path, [make_audit(user_agent=needle(number).decode()) for number in rows])
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, long_log: bytes) -> Path:
    path = tmp_path / "keysat.db"
    path.write_bytes(long_log)
    return path


def page_of(data: bytes, number: int) -> int:
    return data.index(needle(number)) // PAGE


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_a_log_longer_than_a_batch_is_verified_whole(path: Path) -> None:
    report = verified(path)
    assert (report.is_sound, report.row_count) == (True, ROWS)
    assert report.head is not None
    assert report.head.id == ROWS


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_a_byte_flipped_in_the_file_is_located(path: Path, mask: int) -> None:
    def flip(data: bytearray) -> None:
        data[data.index(needle(CHANGED)) + 3] ^= mask

    overwrite(path, flip)
    # 0x80 makes it text that cannot be read at all.
    kind = "changed" if mask == 0x01 else "unreadable"
    assert told(verified(path)) == [(kind, CHANGED, CHANGED, None)]


def test_the_rows_of_a_damaged_page_are_located_and_all_others_still_read(path: Path) -> None:
    data = path.read_bytes()
    page = page_of(data, CHANGED)
    hit = [number for number in range(1, ROWS + 1) if page_of(data, number) == page]

    def spoil(data: bytearray) -> None:
        data[page * PAGE] ^= 0xFF

    overwrite(path, spoil)
    assert len(hit) > 1
    assert told(verified(path)) == [("unreadable", hit[0], hit[-1], None)]


def test_a_value_that_turned_into_another_type_is_unreadable(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("writable_schema", 1)
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'audit_log'"
        ).fetchall()
    tamper(path, "UPDATE audit_log SET hash = 'text' WHERE id = 7")
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("writable_schema", 1)
        connection.execute(
            "UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE name = 'audit_log'"
        ).fetchall()
    assert told(verified(path)) == [("unreadable", 7, 7, None)]


def test_rows_removed_across_a_batch_are_one_break(path: Path) -> None:
    first, last = AUDIT_CHAIN_BATCH - 3, 2 * AUDIT_CHAIN_BATCH + 3
    tamper(path, f"DELETE FROM audit_log WHERE id BETWEEN {first} AND {last}")  # noqa: S608
    assert told(verified(path)) == [("removed", first, last, None)]


def test_a_tail_cut_off_with_its_count_shows_against_an_anchor_only(path: Path) -> None:
    head = verified(path).head
    assert head is not None
    tamper(
        path,
        f"DELETE FROM audit_log WHERE id > {ROWS - 2}",  # noqa: S608
        f"UPDATE sqlite_sequence SET seq = {ROWS - 2} WHERE name = 'audit_log'",  # noqa: S608
    )
    assert verified(path).is_sound
    assert told(verified(path, head)) == [("unanchored", ROWS, ROWS, None)]
    earlier = verified(path).head
    assert verified(path, earlier).is_sound
    assert told(verified(path, Anchor(id=5, hash=bytes(32)))) == [("unanchored", 5, 5, None)]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE sqlite_sequence SET seq = 7 WHERE name = 'audit_log'", "DELETE FROM sqlite_sequence"],
)
def test_a_count_turned_back_is_found(statement: str, path: Path) -> None:
    tamper(path, statement)
    first = 8 if "7" in statement else 1
    assert told(verified(path)) == [("inserted", first, ROWS, None)]


def test_appending_to_a_tampered_log_goes_on_and_hides_nothing(path: Path) -> None:
    tamper(
        path,
        f"DELETE FROM audit_log WHERE id >= {ROWS - 1}",  # noqa: S608
        "UPDATE audit_log SET action = 'x' WHERE id = 9",
    )
    write_log(path, [make_audit(), make_audit()])
    assert told(verified(path)) == [
        ("changed", 9, 9, None),
        ("removed", ROWS - 1, ROWS, None),
    ]


def test_a_page_of_a_log_with_damaged_text_is_an_expected_failure(path: Path) -> None:
    tamper(path, "UPDATE audit_log SET action = CAST(x'ff' AS TEXT) WHERE id = 7")
    with (
        SQLiteStore.open(path) as store,
        store.reading() as tx,
        pytest.raises(StoreUnavailable, match="damaged"),
    ):
        tx.audit_log.list_rows(AuditFilter(action="product.create", limit=1_000))
        tx.trail.list_audit(action=None, limit=ROWS)


def append_some(path: Path, name: str) -> None:
    with SQLiteStore.open(path) as store:
        for _ in range(20):
            with store.writing() as tx:
                tx.trail.append_audit(make_audit(user_agent=name))


def test_processes_that_append_at_once_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawn) as pool:
        list(pool.map(append_some, [path] * 3, "abc"))
    report = verified(path)
    assert (report.is_sound, report.row_count) == (True, 60)


# --- archives -----------------------------------------------------------------------------------


def test_verifying_a_file_changes_no_byte_of_it(path: Path) -> None:
    before = bytes_in(path.parent)
    verified(path)
    assert bytes_in(path.parent) == before


def test_what_a_crash_left_beside_a_file_is_verified_too_and_stays(path: Path) -> None:
    copy = path.parent / "copy"
    copy.mkdir()
    with SQLiteStore.open(path) as store:
        with store.writing() as tx:
            tx.trail.append_audit(make_audit())
        for each in (path, path.with_name(f"{path.name}-wal")):
            (copy / each.name).write_bytes(each.read_bytes())
    before = bytes_in(copy)
    report = verified(copy / path.name)
    assert (report.is_sound, report.row_count) == (True, ROWS + 1)
    after = bytes_in(copy)
    assert {name: after[name] for name in before} == before
    assert {name for name in after.keys() - before.keys() if not name.endswith("-shm")} == set()


def test_an_archive_is_never_written(path: Path) -> None:
    with SQLiteArchive.open(path) as store, pytest.raises(StoreUnavailable, match="reading alone"):
        store.writing()


def test_an_archive_must_be_there_and_ours_and_of_this_version(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist"):
        SQLiteArchive.open(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    other = tmp_path / "other.db"
    tamper(other, "CREATE TABLE notes (text)")
    with pytest.raises(MigrationRefused, match="another program"):
        SQLiteArchive.open(other)
    tamper(path, "DELETE FROM schema_migrations WHERE version = 3")
    with pytest.raises(MigrationRefused):
        SQLiteArchive.open(path)


# --- logs of an earlier version -----------------------------------------------------------------

OLD_ROW: Final = (
    "INSERT INTO audit_log (actor_kind, action, target_id, details, occurred_at)"
    " VALUES ('cli', 'old', ?, '{\"n\": [1, null]}', ?)"
)


def make_old(path: Path, count: int) -> None:
    """Make a database as it was before audit rows were sealed."""
    create_file(path)
    with closing(open_writer(path)) as connection:
        migrate(connection, packaged_migrations()[:2])
        rows: list[Any] = [(f"\u00e9 {number}", number) for number in range(count)]
        connection.execute("BEGIN").fetchall()
        connection.executemany(OLD_ROW, rows).fetchall()
        connection.execute("COMMIT").fetchall()


@pytest.mark.parametrize("count", [0, 1, 20_001])
def test_an_older_log_is_sealed_when_it_is_migrated(tmp_path: Path, count: int) -> None:
    path = tmp_path / "old.db"
    make_old(path, count)
    write_log(path, [make_audit()])
    report = verified(path)
    assert (report.is_sound, report.row_count) == (True, count + 1)
    with SQLiteStore.open(path) as store, store.reading() as tx:
        oldest = tx.trail.list_audit(action="old", limit=10_000)
    assert [entry.target_id for entry in oldest[:1]] == [f"\u00e9 {count - 1}"] * bool(count)


def test_an_older_log_with_holes_is_sealed_as_it_is_and_the_holes_show(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_old(path, 9)
    tamper(path, "DELETE FROM audit_log WHERE id IN (1, 4)")
    SQLiteStore.open(path).close()
    assert told(verified(path)) == [("removed", 1, 1, None), ("removed", 4, 4, None)]


def test_an_older_log_with_damaged_text_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_old(path, 9)
    tamper(path, "UPDATE audit_log SET action = CAST(x'ff' AS TEXT) WHERE id = 3")
    with pytest.raises(StoreUnavailable, match="damaged"):
        SQLiteStore.open(path)
    with closing(apsw.Connection(str(path))) as connection:
        ledger = connection.execute("SELECT max(version) FROM schema_migrations").fetchall()
    assert ledger == [(2,)]
