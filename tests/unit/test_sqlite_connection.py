"""Connections: files and modes, what goes wrong with them, and the traps of the driver."""

import ctypes
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import apsw
import pytest

from keysat_adapters.sqlite.archive import SQLiteArchive
from keysat_adapters.sqlite.connection import create_file, open_reader, open_unchanging, open_writer
from keysat_adapters.sqlite.database_file import look_into
from keysat_adapters.sqlite.inspection import Inspection
from keysat_adapters.sqlite.ledger import read_ledger
from keysat_adapters.sqlite.migration_status import migration_status
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.errors import CorruptRow, StoreBusy, StoreUnavailable
from tests.support.builders import NOW, make_license, make_product, stored_shop
from tests.support.nobody import as_nobody
from tests.support.tree import ROOT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keysat.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore.open(path) as store:
        yield store


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


# --- files --------------------------------------------------------------------------------------


def test_a_new_database_and_its_companions_belong_to_their_owner_alone(path: Path) -> None:
    with SQLiteStore.open(path.parent / "made" / "for it" / "keysat.db") as store:
        with store.writing() as tx:
            tx.settings.put_setting("a", "b", NOW)
        folder = Path(store.path).parent
        modes = {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}
        assert modes == {"keysat.db": 0o600, "keysat.db-wal": 0o600, "keysat.db-shm": 0o600}


def test_an_existing_file_keeps_its_mode(path: Path) -> None:
    path.touch(mode=0o640)
    path.chmod(0o640)
    SQLiteStore.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o640


def test_closing_leaves_one_file(path: Path) -> None:
    with SQLiteStore.open(path) as store:
        stored_shop(store)
    assert [each.name for each in path.parent.iterdir()] == ["keysat.db"]


def test_a_name_that_looks_like_a_uri_is_only_a_name(tmp_path: Path) -> None:
    odd = tmp_path / "file:x?mode=memory&a=%20b.db"
    SQLiteStore.open(odd).close()
    assert odd.exists()


def test_a_folder_in_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreUnavailable, match="is a folder"):
        SQLiteStore.open(path)


def test_a_file_in_place_of_the_folder_is_refused(path: Path) -> None:
    path.write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be created"):
        SQLiteStore.open(path / "keysat.db")


def test_a_read_only_file_is_refused_for_writing() -> None:
    with as_nobody() as folder:
        path = folder / "keysat.db"
        SQLiteStore.open(path).close()
        path.chmod(0o400)
        with pytest.raises(StoreUnavailable, match="is read-only"):
            SQLiteStore.open(path)


def test_a_file_one_may_not_read_is_refused() -> None:
    with as_nobody() as folder:
        path = folder / "keysat.db"
        SQLiteStore.open(path).close()
        path.chmod(0)
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            SQLiteStore.open(path)


def test_a_folder_one_may_not_write_to_is_refused() -> None:
    with as_nobody() as folder:
        (folder / "closed").mkdir(mode=0o500)
        with pytest.raises(StoreUnavailable, match="cannot be created"):
            SQLiteStore.open(folder / "closed" / "keysat.db")


def test_a_folder_the_log_may_not_be_made_in_is_named() -> None:
    with as_nobody() as folder:
        shelf = folder / "shelf"
        SQLiteStore.open(shelf / "keysat.db").close()
        shelf.chmod(0o500)
        with pytest.raises(StoreUnavailable, match="shelf is read-only"):
            SQLiteStore.open(shelf / "keysat.db")
        shelf.chmod(0o700)


OPENINGS: Final[Sequence[Callable[[Path], object]]] = (
    SQLiteStore.open,
    partial(SQLiteStore.open, migrate=False),
    SQLiteArchive.open,
    Inspection.open,
    read_ledger,
    migration_status,
    open_unchanging,
    lambda path: look_into(path).__enter__(),
)
"""Every way into a database file."""


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_folder_that_may_not_be_searched_is_named(opening: Callable[[Path], object]) -> None:
    with as_nobody() as folder:
        (folder / "closed").mkdir(mode=0o600)
        with pytest.raises(StoreUnavailable, match=r"closed.*Permission denied"):
            opening(folder / "closed" / "keysat.db")


def test_looking_into_a_read_only_file_leaves_nothing_beside_it() -> None:
    with as_nobody() as folder:
        path = folder / "50% #1?.db"
        with SQLiteStore.open(path) as store:
            stored_shop(store)
        path.chmod(0o400)
        with closing(open_unchanging(path)) as connection:
            assert connection.execute("SELECT count(*) FROM products").get == 1
        assert [each.name for each in folder.iterdir()] == [path.name]
        path.chmod(0o600)
        with SQLiteStore.open(path) as store, store.writing() as tx:
            tx.settings.put_setting("a", "b", NOW)


def test_a_full_disk_is_named_and_leaves_the_store_usable(store: SQLiteStore) -> None:
    stored_shop(store)
    pages = store._writer.session.connection.pragma("page_count")
    store._writer.session.connection.pragma("max_page_count", pages)
    with pytest.raises(StoreUnavailable, match="disk is full"), store.writing() as tx:
        for number in range(1_000):
            tx.settings.put_setting(f"key-{number}", "x" * 1_000, NOW)
    store._writer.session.connection.pragma("max_page_count", pages + 100)
    with store.writing() as tx:
        assert tx.settings.find_setting("key-0") is None
        tx.settings.put_setting("key", "value", NOW)


# --- settings of a connection -------------------------------------------------------------------


def test_money_is_committed_durably(path: Path) -> None:
    create_file(path)
    with closing(open_writer(path)) as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "busy_timeout")
        assert [connection.pragma(name) for name in pragmas] == ["wal", 2, 1, 0, 5_000]


def test_a_reader_can_do_nothing_but_read(path: Path) -> None:
    SQLiteStore.open(path).close()
    for opened in (open_reader(path), open_unchanging(path)):
        with closing(opened), pytest.raises(apsw.ReadOnlyError):
            opened.execute("DELETE FROM products").fetchall()


def test_nothing_of_the_library_is_changed_for_the_whole_process() -> None:
    """`apsw.bestpractice.apply` would; a program that embeds these packages must not notice us."""
    assert list(apsw.connection_hooks) == []


def test_double_quotes_never_make_a_string(path: Path) -> None:
    create_file(path)
    with closing(open_writer(path)) as connection, pytest.raises(apsw.SQLError):
        connection.execute('SELECT "no such column"').fetchall()


# --- traps of the driver ------------------------------------------------------------------------


def test_no_read_transaction_outlives_its_block(path: Path, store: SQLiteStore) -> None:
    """A kept cursor would: a stale snapshot, and a log that can never be written back."""
    shop = stored_shop(store)
    with store.reading() as tx:
        assert tx.products.find_product(shop.product.id) is not None
        assert tx.products.list_products(is_inactive_included=True) != []
    with pytest.raises(ZeroDivisionError), store.reading() as tx:
        tx.products.count_products()
        raise ZeroDivisionError
    with store.writing() as tx:
        tx.settings.put_setting("a", "b", NOW)
    with closing(open_writer(path)) as other:
        busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
    assert busy == 0


def test_a_commit_of_another_process_is_seen_by_the_next_transaction(
    path: Path, store: SQLiteStore
) -> None:
    with store.reading() as tx:
        assert tx.settings.find_setting("from") is None
    program = (
        "import sys; from keysat_adapters.sqlite.store import SQLiteStore\n"
        "with SQLiteStore.open(sys.argv[1]) as store, store.writing() as tx:\n"
        "    tx.settings.put_setting('from', 'elsewhere', 1)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, cwd=ROOT)  # noqa: S603
    with store.reading() as tx:
        assert tx.settings.find_setting("from") == "elsewhere"
    with store.writing() as tx:
        assert tx.settings.find_setting("from") == "elsewhere"


def test_data_version_is_asked_by_pragma_because_the_method_may_be_stale(path: Path) -> None:
    SQLiteStore.open(path).close()
    with closing(open_reader(path)) as reader, SQLiteStore.open(path) as store:
        before = reader.pragma("data_version")
        with store.writing() as tx:
            tx.settings.put_setting("a", "b", NOW)
        assert reader.pragma("data_version") != before


def test_several_statements_in_one_call_run_only_if_the_cursor_is_drained(path: Path) -> None:
    """Which is why every call in the adapter ends in `fetchall`; this is the driver's behaviour."""
    create_file(path)
    with closing(open_writer(path)) as connection:
        two = "PRAGMA user_version; CREATE TABLE a (x)"
        cursor = connection.execute(two)
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchall() == [(0,)]
        cursor.fetchall()
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchall() == [(1,)]


# --- threads ------------------------------------------------------------------------------------


def test_threads_that_come_and_go_leave_no_connection_behind(store: SQLiteStore) -> None:
    def read() -> None:
        with store.reading() as tx:
            tx.products.count_products()

    def run_threads(count: int) -> None:
        for _ in range(count):
            thread = threading.Thread(target=read)
            thread.start()
            thread.join()

    run_threads(3)
    gc.collect()
    before = open_files()
    run_threads(30)
    gc.collect()
    assert open_files() <= before
    assert len(store._readers) <= 1


def test_a_thread_keeps_one_connection(store: SQLiteStore) -> None:
    for _ in range(10):
        with store.reading() as tx:
            tx.products.count_products()
    assert len(store._readers) == 1


def test_closing_closes_the_connections_of_every_thread(path: Path) -> None:
    store = SQLiteStore.open(path)
    before = open_files()
    with ThreadPoolExecutor(max_workers=4) as pool:
        together = threading.Barrier(4)

        def read() -> None:
            with store.reading() as tx:
                tx.products.count_products()
            together.wait(timeout=10)

        for future in [pool.submit(read) for _ in range(4)]:
            future.result(timeout=10)
        store.close()
        assert open_files() < before

        def read_closed() -> None:
            with pytest.raises(StoreUnavailable, match="closed"), store.reading():
                pass

        pool.submit(read_closed).result(timeout=10)
    with pytest.raises(StoreUnavailable, match="closed"), store.reading():
        pass
    with pytest.raises(StoreUnavailable, match="closed"), store.writing():
        pass
    store.close()


def test_reading_goes_on_while_another_thread_writes(store: SQLiteStore) -> None:
    with ThreadPoolExecutor(max_workers=1) as pool, store.writing() as tx:
        tx.products.put_product(make_product())

        def count() -> int:
            with store.reading() as reading:
                return reading.products.count_products()

        assert pool.submit(count).result(timeout=3) == 0


def test_a_writer_waits_only_so_long_for_another_process(path: Path) -> None:
    with SQLiteStore.open(path, busy_seconds=0.05) as store, closing(open_writer(path)) as other:
        other.execute("BEGIN IMMEDIATE").fetchall()
        with pytest.raises(StoreBusy), store.writing():
            pass
        assert store.busy_count == 1
        other.execute("ROLLBACK").fetchall()
        with store.writing() as tx:
            tx.settings.put_setting("a", "b", NOW)


def test_nobody_waits_longer_than_that_for_another_thread(path: Path) -> None:
    store = SQLiteStore.open(path, busy_seconds=0.05)

    def try_in_vain() -> None:
        with pytest.raises(StoreBusy), store.writing():
            pass
        with pytest.raises(StoreBusy):
            store.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        with store.writing():
            pool.submit(try_in_vain).result(timeout=10)
        with store.writing() as tx:
            tx.settings.put_setting("a", "b", NOW)
    store.close()


def test_opening_waits_while_another_process_switches_to_wal(path: Path) -> None:
    create_file(path)
    with closing(apsw.Connection(str(path))) as other:
        other.execute("CREATE TABLE a (x)").fetchall()
        other.execute("BEGIN EXCLUSIVE").fetchall()
        with pytest.raises(StoreBusy):
            open_writer(path, busy_seconds=0.05)
        release = threading.Timer(0.2, lambda: other.execute("COMMIT").fetchall())
        release.start()
        open_writer(path).close()
        release.join()


def test_even_a_reader_holds_up_the_switch_to_wal_only_so_long(path: Path) -> None:
    create_file(path)
    with closing(apsw.Connection(str(path))) as other:
        other.execute("CREATE TABLE a (x)").fetchall()
        other.execute("BEGIN").fetchall()
        other.execute("SELECT * FROM a").fetchall()
        with pytest.raises(StoreBusy):
            open_writer(path, busy_seconds=0.05)


def test_a_failed_commit_leaves_nothing_and_the_store_usable(path: Path) -> None:
    """SQLite undoes a transaction by itself after some errors of the disk."""
    with SQLiteStore.open(path) as store:
        with pytest.raises(ZeroDivisionError), store.writing() as tx:
            tx.settings.put_setting("a", "b", NOW)
            store._writer.session.connection.execute("ROLLBACK").fetchall()
            raise ZeroDivisionError
        with pytest.raises(StoreUnavailable, match="no transaction"), store.writing() as tx:
            store._writer.session.connection.execute("ROLLBACK").fetchall()
        with store.writing() as tx:
            assert tx.settings.find_setting("a") is None


def test_a_writer_waits_for_another_process_to_finish(path: Path, store: SQLiteStore) -> None:
    with closing(open_writer(path)) as other:
        other.execute("BEGIN IMMEDIATE").fetchall()
        release = threading.Timer(0.2, lambda: other.execute("COMMIT").fetchall())
        release.start()
        with store.writing() as tx:
            tx.settings.put_setting("a", "b", NOW)
        release.join()


# --- rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("UPDATE licenses SET entitlements = '{}'", "licenses"),
        ("UPDATE licenses SET grace_seconds = 9000000000000", "licenses"),
        ("UPDATE products SET entitlements_catalog = '[1]'", "products"),
        ("UPDATE products SET name = ' '", "products"),
        ("UPDATE payment_providers SET served_rails = '[\"boat\"]'", "payment_providers"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(store: SQLiteStore, sql: str, table: str) -> None:
    shop = stored_shop(store)
    license = make_license(shop.product)
    with store.writing() as tx:
        tx.licenses.put_license(license)
    store._writer.session.connection.execute(sql).fetchall()
    with pytest.raises(CorruptRow) as refusal, store.reading() as tx:
        tx.licenses.get_license(license.id)
        tx.products.get_product(shop.product.id)
        tx.merchants.find_account(shop.account.id)
    assert refusal.value.table == table


def test_what_was_met_in_a_corrupt_row_is_not_shown(store: SQLiteStore) -> None:
    shop = stored_shop(store)
    license = make_license(shop.product)
    with store.writing() as tx:
        tx.licenses.put_license(license)
    damage = "UPDATE licenses SET entitlements = '[{\"secret\": 1}]'"
    store._writer.session.connection.execute(damage).fetchall()
    with pytest.raises(CorruptRow) as refusal, store.reading() as tx:
        tx.licenses.get_license(license.id)
    assert "secret" not in str(refusal.value)
    assert license.id[:8] in str(refusal.value)
    assert license.id not in str(refusal.value)


def test_a_deleted_database_takes_no_more_writes(tmp_path: Path) -> None:
    """They would be acknowledged and then be gone with the last file handle."""
    with SQLiteStore.open(tmp_path / "k.db") as store:
        (tmp_path / "k.db").unlink()
        with pytest.raises(StoreUnavailable, match="moved or deleted"), store.writing():
            pass


def test_waiting_for_threads_and_then_for_processes_is_one_wait(tmp_path: Path) -> None:
    """Two full waits in a row would outlast what clients and a stop allow."""
    with SQLiteStore.open(tmp_path / "k.db", busy_seconds=2.0) as store:
        other = apsw.Connection(str(tmp_path / "k.db"))
        other.execute("BEGIN IMMEDIATE")
        waits: list[float] = []

        def write() -> None:
            began_at = time.monotonic()
            with pytest.raises(StoreBusy), store.writing():
                pass
            waits.append(time.monotonic() - began_at)

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        other.close()
    assert len(waits) == 3
    assert max(waits) < 3.5


def test_a_store_in_memory_may_grow_as_long_as_there_is_memory() -> None:
    asked = ctypes.c_int64(-1)
    with SQLiteStore.open() as store:
        store._writer.session.connection.file_control(
            "main", apsw.SQLITE_FCNTL_SIZE_LIMIT, ctypes.addressof(asked)
        )
    assert asked.value > 2**40
