"""Restoring: never over anything, never beside a server, never half."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import apsw
import pytest

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.backup import back_up
from keysat_adapters.sqlite.connection import open_writer
from keysat_adapters.sqlite.database_file import look_into
from keysat_adapters.sqlite.restore import restore
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.inspection import problems_of
from keysat_core.errors import BackupUnsound, DatabaseInUse, PathTaken, StoreUnavailable
from keysat_core.use_cases.server.verify_database import verify_database
from tests.support.builders import NOW
from tests.support.stocked import bytes_of, rows_in, run, stock


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "shop" / "keysat.db"


@pytest.fixture
def aside(target: Path) -> Path:
    return target.with_name("keysat-replaced.db")


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup, with a validation log, of a shop elsewhere."""
    source = tmp_path / "source" / "keysat.db"
    source.parent.mkdir()
    stock(source)
    run(Path(activity_path(source)), "CREATE TABLE noted (x)", "INSERT INTO noted VALUES (1)")
    return back_up(source, tmp_path / "backups" / "one.db", verify=problems).path


def problems(path: Path) -> tuple[str, ...]:
    with look_into(path) as database:
        return problems_of(verify_database(database=database, progress=lambda _, __: None))


def make_shop(target: Path, marker: str) -> None:
    """A shop with a name in its settings, which other shops have not."""
    target.parent.mkdir(exist_ok=True)
    with SQLiteStore.open(target) as store, store.writing() as tx:
        tx.settings.put_setting("marker", marker, NOW)


def put(backup: Path, target: Path, aside: Path, *, is_replacing: bool = False) -> list[str]:
    done = restore(backup, target, aside, is_replacing=is_replacing, verify=problems)
    assert done.path == target
    return sorted(path.name for path in done.moved)


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


# --- where nothing was --------------------------------------------------------------------------


def test_a_restored_shop_is_the_one_that_was_backed_up(
    backup: Path, target: Path, aside: Path
) -> None:
    assert put(backup, target, aside) == []
    assert names_in(target.parent) == ["keysat-activity.db", "keysat.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.parent.stat().st_mode) == 0o700
    assert rows_in(target) == rows_in(backup)
    assert rows_in(Path(activity_path(target))) == {"noted": [(1,)]}
    SQLiteStore.open(target).close()


def test_restoring_leaves_the_backup_as_it_was(backup: Path, target: Path, aside: Path) -> None:
    before = bytes_of(backup)
    put(backup, target, aside)
    assert bytes_of(backup) == before
    assert names_in(backup.parent) == ["one-activity.db", "one.db", "one.db.sha256"]


def test_a_file_copied_with_its_unfinished_log_is_a_backup_too(
    tmp_path: Path, target: Path, aside: Path
) -> None:
    """As a snapshot of a whole disk has it."""
    live, copied = tmp_path / "live.db", tmp_path / "copied.db"
    stock(live)
    with SQLiteStore.open(live) as store:
        with store.writing() as tx:
            tx.settings.put_setting("only", "in the log", NOW)
        for name, data in bytes_of(live).items():
            (tmp_path / name.replace("live", "copied")).write_bytes(data)
    put(copied, target, aside)
    assert ("only", "in the log", NOW) in rows_in(target)["settings"]


# --- where something is -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["keysat.db", "keysat-activity.db", "keysat.db-wal"])
def test_what_is_there_is_never_touched_unasked(
    name: str, backup: Path, target: Path, aside: Path
) -> None:
    target.parent.mkdir()
    there = target.with_name(name)
    there.write_text("mine")
    with pytest.raises(PathTaken, match="--replace"):
        put(backup, target, aside)
    assert names_in(target.parent) == [name]
    assert there.read_text() == "mine"


def test_a_replaced_shop_is_kept_whole_under_another_name(
    backup: Path, target: Path, aside: Path
) -> None:
    make_shop(target, "old")
    run(Path(activity_path(target)), "CREATE TABLE old (x)")
    old = rows_in(target)
    assert put(backup, target, aside, is_replacing=True) == [
        "keysat-replaced-activity.db",
        "keysat-replaced.db",
    ]
    assert rows_in(target) == rows_in(backup)
    assert rows_in(aside) == old
    assert rows_in(Path(activity_path(aside))) == {"old": []}
    assert rows_in(Path(activity_path(target))) == {"noted": [(1,)]}
    assert len(names_in(target.parent)) == 4


def test_what_a_crash_left_in_the_log_goes_aside_with_it(
    backup: Path, tmp_path: Path, target: Path, aside: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "keysat.db"
    make_shop(elsewhere, "old")
    target.parent.mkdir()
    with SQLiteStore.open(elsewhere) as store:
        with store.writing() as tx:
            tx.settings.put_setting("only", "in the log", NOW)
        for name, data in bytes_of(elsewhere).items():
            (target.parent / name).write_bytes(data)
    assert put(backup, target, aside, is_replacing=True) == ["keysat-replaced.db"]
    assert ("only", "in the log", NOW) in rows_in(aside)["settings"]
    assert rows_in(target) == rows_in(backup)


def test_a_log_without_a_backup_of_it_goes_aside_too(
    tmp_path: Path, target: Path, aside: Path
) -> None:
    source = tmp_path / "bare.db"
    stock(source)
    make_shop(target, "old")
    run(Path(activity_path(target)), "CREATE TABLE old (x)")
    put(source, target, aside, is_replacing=True)
    assert names_in(target.parent) == [
        "keysat-replaced-activity.db",
        "keysat-replaced.db",
        "keysat.db",
    ]


@pytest.mark.parametrize("is_beside", [True, False])
def test_a_database_too_damaged_to_open_can_be_replaced(
    is_beside: bool,  # noqa: FBT001
    backup: Path,
    target: Path,
    aside: Path,
) -> None:
    make_shop(target, "old")
    target.write_bytes(b"burnt" * 4000)
    if is_beside:
        target.with_name("keysat.db-wal").write_bytes(b"ashes")
    moved = put(backup, target, aside, is_replacing=True)
    assert "keysat-replaced.db" in moved
    if is_beside:
        assert aside.with_name("keysat-replaced.db-wal").read_bytes() == b"ashes"
    assert aside.read_bytes() == b"burnt" * 4000
    assert problems(target) == ()
    assert rows_in(target) == rows_in(backup)


def test_a_log_left_by_a_lost_database_cannot_get_into_the_new_one(
    backup: Path, target: Path, aside: Path
) -> None:
    target.parent.mkdir()
    target.with_name("keysat.db-wal").write_bytes(b"ashes")
    assert put(backup, target, aside, is_replacing=True) == ["keysat-replaced.db-wal"]
    assert rows_in(target) == rows_in(backup)


def test_the_name_aside_is_never_overwritten(backup: Path, target: Path, aside: Path) -> None:
    make_shop(target, "old")
    aside.write_text("mine")
    with pytest.raises(PathTaken, match="keysat-replaced"):
        put(backup, target, aside, is_replacing=True)
    assert aside.read_text() == "mine"
    assert rows_in(target)["settings"] == [("marker", "old", NOW)]


def test_a_database_is_not_restored_from_itself(target: Path, aside: Path) -> None:
    target.parent.mkdir()
    stock(target)
    with pytest.raises(PathTaken, match="the backup itself"):
        put(target, target, aside, is_replacing=True)


# --- in use -------------------------------------------------------------------------------------


def test_an_open_database_is_not_exchanged(backup: Path, target: Path, aside: Path) -> None:
    make_shop(target, "old")
    with SQLiteStore.open(target) as store:
        with pytest.raises(DatabaseInUse, match="stop the server"):
            put(backup, target, aside, is_replacing=True)
        with store.writing() as tx:
            tx.settings.put_setting("still", "works", NOW)
    assert len(rows_in(target)["settings"]) == 2
    assert names_in(target.parent) == ["keysat.db"]


def test_nobody_can_open_it_while_it_is_exchanged(backup: Path, target: Path, aside: Path) -> None:
    make_shop(target, "old")
    refused: list[str] = []

    def meanwhile(partial: Path) -> tuple[str, ...]:
        with closing(apsw.Connection(str(target))) as other:
            try:
                other.execute("SELECT * FROM settings").fetchall()
            except apsw.BusyError as exc:
                refused.append(str(exc))
        return problems(partial)

    restore(backup, target, aside, is_replacing=True, verify=meanwhile)
    assert len(refused) == 1
    assert rows_in(target) == rows_in(backup)


@contextmanager
def held_open(path: Path, *statements: str) -> Iterator[None]:
    """Another process that has done this to a database, and still has it open."""
    script = (
        "import sys, apsw\n"
        "c = apsw.Connection(sys.argv[1])\n"
        "for statement in sys.argv[2:]: c.execute(statement).fetchall()\n"
        "print('open', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(  # noqa: S603  the words are the test's own
        [sys.executable, "-c", script, str(path), *statements],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        yield
        holder.communicate()


def a_server_on(path: Path) -> AbstractContextManager[None]:
    """Another process that has committed to the log of a database, and goes on."""
    return held_open(path, "INSERT INTO settings VALUES ('only', 'in the log', 1)")


def test_a_damaged_database_that_is_open_is_not_exchanged_either(
    backup: Path, target: Path, aside: Path
) -> None:
    make_shop(target, "old")
    with held_open(target, "BEGIN", "SELECT * FROM settings"):
        target.write_bytes(b"burnt" * 4000)
        with pytest.raises(DatabaseInUse):
            put(backup, target, aside, is_replacing=True)
    assert target.read_bytes() == b"burnt" * 4000


def test_what_a_server_wrote_to_a_moved_database_is_not_taken_from_it(
    backup: Path, target: Path, aside: Path, tmp_path: Path
) -> None:
    make_shop(target, "old")
    moved = tmp_path / "moved.db"
    with a_server_on(target):
        target.rename(moved)
        with pytest.raises(DatabaseInUse, match="stop the server"):
            put(backup, target, aside, is_replacing=True)
        assert names_in(target.parent) == ["keysat.db-shm", "keysat.db-wal"]
        moved.rename(target)
    assert ("only", "in the log", 1) in rows_in(target)["settings"]


def test_a_server_that_has_only_the_validation_log_open_is_noticed_too(
    backup: Path, target: Path, aside: Path
) -> None:
    make_shop(target, "old")
    log = Path(activity_path(target))
    run(log, "PRAGMA journal_mode = wal", "CREATE TABLE settings (a, b, c)")
    target.unlink()
    with a_server_on(log), pytest.raises(DatabaseInUse):
        put(backup, target, aside, is_replacing=True)


# --- second names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("keysat.db", "keysat-replaced-20260131T040000Z.db"),
        ("keysat.db", "keysat.db.keysat-partial"),
        ("keysat-activity.db", "keysat-replaced-20260131T040000Z-activity.db"),
    ],
)
def test_a_second_name_a_killed_restore_left_is_taken_away(
    name: str, other: str, backup: Path, target: Path, aside: Path
) -> None:
    make_shop(target, "old")
    run(Path(activity_path(target)), "CREATE TABLE old (x)")
    kept = target.with_name("keysat-replaced-20250131T040000Z.db")
    kept.write_text("an older shop")
    os.link(target.with_name(name), target.with_name(other))
    with pytest.raises(StoreUnavailable, match=r"second name.*-replaced-"):
        open_writer(target.with_name(name))
    put(backup, target, aside, is_replacing=True)
    assert not target.with_name(other).exists()
    assert kept.read_text() == "an older shop"
    assert ("marker", "old", NOW) in rows_in(aside)["settings"]
    assert {each.stat().st_nlink for each in target.parent.iterdir()} == {1}
    SQLiteStore.open(target).close()


def test_taking_a_second_name_away_does_not_let_others_in(
    backup: Path, target: Path, aside: Path
) -> None:
    """Closing the file by its second name would end the locks held by its first."""
    make_shop(target, "old")
    os.link(target, target.with_name("keysat.db.keysat-partial"))
    said: list[str] = []

    def meanwhile(partial: Path) -> tuple[str, ...]:
        script = "import sys, apsw; apsw.Connection(sys.argv[1]).execute('SELECT * FROM settings')"
        done = subprocess.run(  # noqa: S603  the words are the test's own
            [sys.executable, "-c", script, str(target)], capture_output=True, text=True, check=False
        )
        said.append(done.stderr)
        return problems(partial)

    restore(backup, target, aside, is_replacing=True, verify=meanwhile)
    assert "BusyError" in said[0]


# --- failed exchanges ---------------------------------------------------------------------------


def test_a_database_that_cannot_be_exchanged_keeps_its_log(
    backup: Path, target: Path, aside: Path
) -> None:
    make_shop(target, "old")
    target.write_bytes(b"burnt" * 4000)
    target.with_name("keysat.db-wal").write_bytes(b"ashes")
    run(Path(activity_path(target)), "CREATE TABLE old (x)")
    aside.with_name("keysat-replaced.db-wal").mkdir()
    before = names_in(target.parent)
    with pytest.raises(StoreUnavailable, match=r"keysat\.db-wal cannot be exchanged"):
        put(backup, target, aside, is_replacing=True)
    assert set(names_in(target.parent)) - {"keysat.db-shm"} == set(before)
    assert rows_in(Path(activity_path(target))) == {"old": []}
    assert target.read_bytes() == b"burnt" * 4000


def test_a_log_that_cannot_be_exchanged_is_named_and_the_database_stays(
    backup: Path, target: Path, aside: Path
) -> None:
    make_shop(target, "old")
    Path(activity_path(target)).mkdir()
    before = rows_in(target)
    with pytest.raises(StoreUnavailable, match=r"keysat-activity\.db cannot be exchanged"):
        put(backup, target, aside, is_replacing=True)
    assert names_in(target.parent) == ["keysat-activity.db", "keysat.db"]
    assert rows_in(target) == before


# --- backups that are none ----------------------------------------------------------------------


def flip(path: Path, what: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[data.rindex(what)] ^= 1
    path.write_bytes(data)


def test_a_flipped_byte_is_refused(backup: Path, target: Path, aside: Path) -> None:
    flip(backup, b"b@example.com")
    with pytest.raises(BackupUnsound, match="not what was written"):
        put(backup, target, aside)


def test_a_flipped_byte_in_the_log_is_refused(backup: Path, target: Path, aside: Path) -> None:
    flip(Path(activity_path(backup)), b"noted")
    with pytest.raises(BackupUnsound, match=r"one-activity\.db is not what was written"):
        put(backup, target, aside)


def test_a_list_that_does_not_fit_is_refused_with_what_to_do(
    backup: Path, target: Path, aside: Path
) -> None:
    renamed = backup.rename(backup.with_name("two.db"))
    listed = backup.with_name("one.db.sha256").rename(backup.with_name("two.db.sha256"))
    with pytest.raises(BackupUnsound, match=r"remove two\.db\.sha256 and try again"):
        put(renamed, target, aside)
    listed.unlink()
    put(renamed, target, aside)
    assert rows_in(target) == rows_in(renamed)


def test_a_backup_whose_log_is_lost_is_restored_without_it(
    backup: Path, target: Path, aside: Path
) -> None:
    log = Path(activity_path(backup))
    log.unlink()
    done = restore(backup, target, aside, is_replacing=False, verify=problems)
    assert (done.has_activity, done.lost_log) == (False, log)
    assert rows_in(target) == rows_in(backup)
    backup.with_name("one.db.sha256").unlink()
    again = restore(backup, target.with_name("b.db"), aside, is_replacing=False, verify=problems)
    assert again.lost_log is None


def test_a_truncated_file_is_refused(backup: Path, target: Path, aside: Path) -> None:
    data = backup.read_bytes()
    for kept in (100, len(data) // 2, len(data) - 4096):
        backup.write_bytes(data[:kept])
        with pytest.raises(BackupUnsound):
            put(backup, target, aside)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM licenses WHERE invoice_id IS NOT NULL", "lost their license"),
        ("UPDATE server_keys SET private_key_pem = 'x'", "signing key"),
        ("UPDATE schema_migrations SET version = 99 WHERE version = 2", "newer Keysat"),
    ],
)
def test_a_backup_that_lost_something_is_refused(
    damage: str, said: str, backup: Path, target: Path, aside: Path
) -> None:
    make_shop(target, "old")
    before = rows_in(target)
    run(backup, "PRAGMA foreign_keys = off", damage)
    backup.with_name("one.db.sha256").unlink()
    with pytest.raises(BackupUnsound, match=said):
        put(backup, target, aside, is_replacing=True)
    assert rows_in(target) == before
    assert names_in(target.parent) == ["keysat.db"]


def test_what_is_no_backup_is_refused(tmp_path: Path, target: Path, aside: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist"):
        put(tmp_path / "nowhere.db", target, aside)
    diary = tmp_path / "diary.db"
    diary.write_bytes(b"no database, but long enough for a header" * 99)
    with pytest.raises(BackupUnsound, match="not an SQLite database"):
        put(diary, target, aside)
    diary.unlink()
    run(diary, "CREATE TABLE days (text)")
    with pytest.raises(BackupUnsound, match="another program"):
        put(diary, target, aside)
    assert not target.parent.exists()
