"""Backups: whole or not there, whatever goes on around them."""

import os
import stat
import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.backup import back_up
from keysat_adapters.sqlite.checksum import checksum_problems
from keysat_adapters.sqlite.connection import open_reader
from keysat_adapters.sqlite.database_file import look_into
from keysat_adapters.sqlite.snapshot import (
    PAGES_PER_STEP,
    copy_database,
    partial_for,
    publish,
    remove_abandoned,
)
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.errors import BackupUnsound, PathTaken, StoreUnavailable
from tests.support.builders import NOW
from tests.support.stocked import bytes_of, rows_in, run, stock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop" / "keysat.db"
    path.parent.mkdir()
    stock(path)
    return path


@pytest.fixture
def final(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "copy.db"


def sound(_: Path) -> tuple[str, ...]:
    return ()


def unsound(_: Path) -> tuple[str, ...]:
    return ("books: a license is lost",)


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_backup_holds_every_row_in_one_file_of_its_owner(path: Path, final: Path) -> None:
    made = back_up(path, final, verify=sound)
    assert names_in(final.parent) == ["copy.db", "copy.db.sha256"]
    assert rows_in(final) == rows_in(path)
    assert (made.path, made.activity_path) == (final, None)
    assert made.size_bytes == final.stat().st_size
    assert stat.S_IMODE(final.stat().st_mode) == 0o600
    assert stat.S_IMODE(final.parent.stat().st_mode) == 0o700
    with closing(apsw.Connection(str(final))) as connection:
        assert connection.pragma("journal_mode") == "delete"


def test_making_one_changes_no_byte_of_the_database(path: Path, final: Path) -> None:
    before = bytes_of(path)
    back_up(path, final, verify=sound)
    assert bytes_of(path) == before
    assert names_in(path.parent) == ["keysat.db"]


def test_the_validation_log_goes_with_it(path: Path, final: Path) -> None:
    log = Path(activity_path(path))
    run(log, "PRAGMA journal_mode = wal", "CREATE TABLE noted (x)")
    with closing(apsw.Connection(str(log))) as logging:
        logging.execute("INSERT INTO noted VALUES (1)").fetchall()
        made = back_up(path, final, verify=sound)
    assert made.activity_path == final.with_name("copy-activity.db")
    assert rows_in(made.activity_path) == {"noted": [(1,)]}
    assert names_in(final.parent) == ["copy-activity.db", "copy.db", "copy.db.sha256"]
    assert checksum_problems(final) == []


def test_a_damaged_validation_log_is_said_to_be_expendable(path: Path, final: Path) -> None:
    Path(activity_path(path)).write_bytes(b"not a log, but long enough for a header" * 99)
    with pytest.raises(BackupUnsound, match=r"keysat-activity.db .*move it away"):
        back_up(path, final, verify=sound)
    assert names_in(final.parent) == []


def test_what_is_being_written_is_not_in_it_and_what_was_committed_is(
    path: Path, final: Path
) -> None:
    with SQLiteStore.open(path) as store:
        with store.writing() as tx:
            tx.settings.put_setting("committed", "yes", NOW)
        with store.writing() as tx:
            tx.settings.put_setting("unfinished", "yes", NOW)
            back_up(path, final, verify=sound)
    assert [row[0] for row in rows_in(final)["settings"]] == ["committed"]


def test_a_backup_never_begins_again_however_much_is_written(path: Path, final: Path) -> None:
    run(path, "CREATE TABLE heavy (x)", "CREATE TABLE counted (n)")
    pages = 6 * PAGES_PER_STEP
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO heavy SELECT zeroblob(4000) FROM n",
            (pages,),
        ).fetchall()
    told: list[int] = []
    with closing(apsw.Connection(str(path))) as writer:
        writer.pragma("journal_mode", "wal")

        def write_between_steps(done: int, total: int) -> None:
            told.append(done)
            assert total >= pages
            writer.execute("INSERT INTO counted VALUES (1)").fetchall()

        back_up(path, final, verify=sound, progress=write_between_steps)
    assert told == sorted(set(told))
    assert len(told) <= pages // PAGES_PER_STEP + 2
    assert len(rows_in(path)["counted"]) == len(told)
    assert rows_in(final)["counted"] == []


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["copy.db", "copy-activity.db", "copy.db.sha256"])
def test_nothing_is_ever_overwritten(name: str, path: Path, final: Path) -> None:
    final.parent.mkdir()
    taken = final.with_name(name)
    taken.write_text("mine")
    with pytest.raises(PathTaken, match=name):
        back_up(path, final, verify=sound)
    assert names_in(final.parent) == [name]
    assert taken.read_text() == "mine"


@pytest.mark.parametrize("name", ["copy.db", "copy-activity.db", "copy.db.sha256"])
def test_a_name_taken_meanwhile_is_not_overwritten_either(
    name: str, path: Path, final: Path
) -> None:
    Path(activity_path(path)).touch()
    taken = final.with_name(name)

    def take(_: Path) -> tuple[str, ...]:
        taken.write_text("mine")
        return ()

    with pytest.raises(PathTaken, match=name):
        back_up(path, final, verify=take)
    assert names_in(final.parent) == [name]
    assert taken.read_text() == "mine"


def test_a_backup_that_is_not_in_order_leaves_nothing(path: Path, final: Path) -> None:
    with pytest.raises(BackupUnsound, match="a license is lost"):
        back_up(path, final, verify=unsound)
    assert names_in(final.parent) == []


def test_nothing_has_its_name_before_it_was_verified(path: Path, final: Path) -> None:
    seen: list[str] = []

    def look(partial: Path) -> tuple[str, ...]:
        seen.extend(names_in(partial.parent))
        return ()

    back_up(path, final, verify=look)
    assert seen == [
        "copy-activity.db.keysat-partial",
        "copy.db.keysat-partial",
        "copy.db.sha256.keysat-partial",
    ]


def test_what_a_killed_backup_left_is_replaced(path: Path, final: Path) -> None:
    final.parent.mkdir()
    final.with_name("copy.db.keysat-partial").write_text("half a database")
    final.with_name("copy.db.keysat-partial-journal").write_text("half a journal")
    back_up(path, final, verify=sound)
    assert names_in(final.parent) == ["copy.db", "copy.db.sha256"]
    assert rows_in(final) == rows_in(path)


def test_a_half_that_others_could_read_is_not_written_to(path: Path, final: Path) -> None:
    """Somebody else's file must not get the signing key, however it is called."""
    final.parent.mkdir()
    theirs = final.with_name("copy.db.keysat-partial")
    theirs.write_text("waiting")
    theirs.chmod(0o666)
    with theirs.open() as watching:
        back_up(path, final, verify=sound)
        assert watching.read() == "waiting"
    assert stat.S_IMODE(final.stat().st_mode) == 0o600


def test_two_backups_to_one_name_do_not_mix(path: Path, final: Path) -> None:
    refusals: list[type[BaseException]] = []

    def meanwhile(_: Path) -> tuple[str, ...]:
        def other() -> None:
            try:
                back_up(path, final, verify=sound)
            except PathTaken as exc:
                refusals.append(type(exc))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return ()

    back_up(path, final, verify=meanwhile)
    assert refusals == [PathTaken]
    assert rows_in(final) == rows_in(path)


def test_only_abandoned_halves_are_cleared_away(tmp_path: Path) -> None:
    abandoned = tmp_path / "old.db.keysat-partial"
    abandoned.write_text("half")
    (tmp_path / "film.mkv.partial").write_text("somebody else's")
    (tmp_path / "whole.db").write_text("whole")
    with partial_for(tmp_path / "growing.db") as growing:
        remove_abandoned(tmp_path)
        assert names_in(tmp_path) == ["film.mkv.partial", growing.name, "whole.db"]
    remove_abandoned(tmp_path / "nowhere")


def test_a_backup_killed_before_it_lost_its_first_name_is_whole(path: Path, final: Path) -> None:
    back_up(path, final, verify=sound)
    os.link(final, final.with_name("copy.db.keysat-partial"))
    with look_into(final) as database:
        assert database.checksum_problems() == []
    remove_abandoned(final.parent)
    assert names_in(final.parent) == ["copy.db", "copy.db.sha256"]
    assert rows_in(final) == rows_in(path)


# --- what cannot be done ------------------------------------------------------------------------


def test_a_place_that_cannot_be_written_to_is_named(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreUnavailable, match="cannot be"):
        back_up(path, tmp_path / "file" / "copy.db", verify=sound)
    with (
        pytest.raises(StoreUnavailable, match="cannot be written"),
        partial_for(tmp_path / "a.db") as partial,
    ):
        publish(partial, tmp_path / "missing" / "a.db")


def test_what_is_no_database_is_not_copied(tmp_path: Path) -> None:
    strange = tmp_path / "strange.db"
    strange.write_bytes(b"no database, but long enough for a header" * 99)
    with (
        pytest.raises(StoreUnavailable, match="not an SQLite"),
        partial_for(tmp_path / "a.db") as partial,
    ):
        copy_database(strange, partial)


# --- checksums ----------------------------------------------------------------------------------


def test_any_flipped_bit_is_noticed(path: Path, final: Path) -> None:
    back_up(path, final, verify=sound)
    whole = final.read_bytes()
    for at in range(0, len(whole), len(whole) // 50):
        data = bytearray(whole)
        data[at] ^= 1 << (at % 8)
        final.write_bytes(data)
        assert checksum_problems(final) == [
            "copy.db is not what was written when the backup was made"
        ]
    final.write_bytes(whole)
    assert checksum_problems(final) == []


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("", "says nothing of copy.db"),
        ("rubbish\n", "rubbish is missing"),
        ("00  ../copy.db\n", "../copy.db is missing"),
        ("00  gone.db\n", "gone.db is missing"),
    ],
)
def test_a_list_that_does_not_fit_is_no_proof(
    listed: str, said: str, path: Path, final: Path
) -> None:
    back_up(path, final, verify=sound)
    final.with_name("copy.db.sha256").write_text(listed)
    assert any(said in problem for problem in checksum_problems(final) or [])


def test_without_a_list_nothing_is_claimed(path: Path) -> None:
    assert checksum_problems(path) is None
    path.with_name("keysat.db.sha256").write_bytes(b"\xff\xfe")
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        checksum_problems(path)


def test_a_reader_of_the_database_is_never_in_the_way(path: Path, final: Path) -> None:
    with closing(open_reader(path)) as reader:
        reader.execute("BEGIN").fetchall()
        reader.execute("SELECT count(*) FROM licenses").fetchall()
        back_up(path, final, verify=sound)
    assert rows_in(final) == rows_in(path)
