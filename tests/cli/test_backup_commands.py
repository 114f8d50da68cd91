"""``backup``, ``verify`` and ``restore`` as operators and their scripts meet them."""

import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.setting import BACKUP_LAST_AT, BACKUP_LAST_PATH
from tests.support.live_server import live_server
from tests.support.program import Program, clean_environment, shop_with_a_tier
from tests.support.stocked import bytes_of, rows_in, run


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's folder; nobody changes it."""
    folder = tmp_path_factory.mktemp("sold")
    program = shop_with_a_tier(folder)
    program.text("license", "issue", "widget/pro")
    return folder


@pytest.fixture
def program(sold: Path, tmp_path: Path) -> Program:
    shutil.copy(sold / "keysat.db", tmp_path / "keysat.db")
    return Program(folder=tmp_path)


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def findings(said: dict[str, Any]) -> dict[str, Any]:
    return {check["check"]: check["problems"] for check in said["checks"] if not check["ok"]}


# --- backup -------------------------------------------------------------------------------------


def test_a_backup_is_named_by_the_time_and_noted_down(program: Program) -> None:
    made = program.json("backup")
    path = Path(made["path"])
    assert path.parent == program.folder / "backups"
    assert path.name == f"keysat-{made['began_at'].translate(str.maketrans('', '', '-:'))}.db"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (made["ok"], made["activity_path"]) == (True, None)
    assert names_in(path.parent) == [path.name, f"{path.name}.sha256"]
    with SQLiteStore.open(program.db_path) as store, store.reading() as tx:
        assert tx.settings.find_setting(BACKUP_LAST_PATH) == str(path)
        at = tx.settings.find_setting(BACKUP_LAST_AT)
        (audit,) = tx.trail.list_audit(action="backup.create", limit=9)
    assert at == str(audit.details["began_at"])
    assert audit.target_id == str(path)
    assert program.json("verify", str(path))["ok"] is True


def test_the_place_can_be_a_file_or_a_folder(program: Program) -> None:
    made = program.json("backup", "--to", "kept.db")
    assert made["path"] == "kept.db"
    (program.folder / "there").mkdir()
    for folder in ("there", "new/"):
        path = Path(program.json("backup", "--to", folder)["path"])
        assert path.parent.name == folder.rstrip("/")
        assert (program.folder / path).exists()


def test_a_taken_place_is_a_conflict(program: Program) -> None:
    program.text("backup", "--to", "kept.db")
    code, said = program.refusal("backup", "--to", "kept.db")
    assert (code, said["code"]) == (5, "path_taken")


def test_a_damaged_database_is_not_backed_up(program: Program) -> None:
    run(program.db_path, "DELETE FROM server_keys")
    code, said = program.refusal("backup")
    assert (code, said["code"]) == (9, "backup_unsound")
    assert "signing_key: " in said["message"]
    assert names_in(program.folder / "backups") == []


def test_there_is_nothing_to_back_up_without_a_database(tmp_path: Path) -> None:
    assert Program(folder=tmp_path).refusal("backup")[0] == 7
    assert names_in(tmp_path) == []


def test_halves_of_killed_backups_are_cleared_away(program: Program) -> None:
    (program.folder / "backups").mkdir()
    half = program.folder / "backups" / "keysat-20200101T000000Z.db.keysat-partial"
    half.write_text("half")
    program.text("backup")
    assert not half.exists()


def test_a_person_sees_how_far_it_is(program: Program) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "keysat_cli", "backup"],
            cwd=program.folder,
            env=clean_environment(**program.settings, TERM="xterm"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            timeout=60,
            check=True,
        )
        seen = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Copying" in seen
    assert "100%" in seen
    assert b"holds all before" in done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "keysat.db", "./keysat-activity.db", "keysat-sandbox.db", "link.db", "keysat.db-wal",
        "keysat-activity.db-shm", "kept", "kept.sqlite",
    ],
)  # fmt: skip
def test_a_backup_never_takes_a_name_the_server_uses(name: str, program: Program) -> None:
    (program.folder / "link.db").symlink_to("keysat-activity.db")
    before = names_in(program.folder)
    code, said = program.refusal("backup", "--to", name)
    assert code == 2
    assert "--to" in said["message"]
    assert set(names_in(program.folder)) - set(before) <= {"keysat.db-wal", "keysat.db-shm"}


# --- links --------------------------------------------------------------------------------------


def test_a_database_behind_a_link_is_exchanged_where_it_lies(
    program: Program, tmp_path: Path
) -> None:
    real = tmp_path / "disk" / "shop.db"
    real.parent.mkdir()
    program.db_path.rename(real)
    program.db_path.symlink_to(real)
    program.text("backup", "--to", "kept.db")
    done = program.json("restore", "kept.db", "--replace", "--yes")
    assert program.db_path.is_symlink()
    assert done["db_path"] == str(real)
    assert [Path(path).parent for path in done["moved_to"]] == [real.parent]
    assert rows_in(real) == rows_in(program.folder / "kept.db")


def test_a_backup_behind_a_link_is_judged_by_what_lies_beside_it(program: Program) -> None:
    program.text("backup", "--to", "there/")
    (kept,) = (program.folder / "there").glob("*.db")
    newest = program.folder / "newest.db"
    newest.symlink_to(kept)
    assert program.json("audit", "verify", "newest.db")["db_path"] == str(kept)
    data = kept.with_name(f"{kept.name}.sha256").read_text()
    kept.with_name(f"{kept.name}.sha256").write_text(
        "0" + data[1:] if data[0] != "0" else "1" + data[1:]
    )
    result = program.run("verify", "newest.db", "--json")
    assert result.exit_code == 9
    assert set(findings(msgspec.json.decode(result.stdout))) == {"checksum"}
    assert program.refusal("restore", "newest.db", "--replace", "--yes")[0] == 9


# --- verify -------------------------------------------------------------------------------------


def test_the_live_database_is_verified_unless_another_is_named(program: Program) -> None:
    said = program.json("verify")
    assert (said["ok"], said["db_path"]) == (True, str(program.db_path))
    assert [check["check"] for check in said["checks"]] == [
        "checksum", "ledger", "structure", "references", "signing_key", "licenses", "books", "seats", "audit", "counts", "log_counts",
    ]  # fmt: skip
    assert "licenses     ok" in program.text("verify")


def test_what_is_wrong_ends_with_9_and_is_listed(program: Program) -> None:
    run(program.db_path, "PRAGMA foreign_keys = off", "DELETE FROM products")
    before = bytes_of(program.db_path)
    result = program.run("verify", "--json")
    assert result.exit_code == 9
    said = msgspec.json.decode(result.stdout)
    assert said["ok"] is False
    assert set(findings(said)) == {"references"}
    assert "refer to rows that are not there" in program.run("verify").stdout
    assert bytes_of(program.db_path) == before


def test_what_cannot_be_opened_ends_with_7(program: Program) -> None:
    assert program.refusal("verify", "missing.db")[0] == 7
    (program.folder / "diary.db").write_bytes(b"no database but long enough for a header" * 99)
    assert program.refusal("verify", "diary.db")[0] == 7


# --- restore ------------------------------------------------------------------------------------


def test_a_lost_shop_comes_back(program: Program, tmp_path: Path) -> None:
    key = program.json("license", "issue", "widget")["license_key"]
    program.text("backup", "--to", "kept.db")
    rows = rows_in(program.folder / "kept.db")
    for name in ("keysat.db", "keysat.db-wal", "keysat.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    done = program.json("restore", "kept.db")
    assert (done["ok"], done["moved_to"]) == (True, [])
    assert rows_in(program.db_path) == rows
    assert program.text("key", "verify", key)
    assert program.json("verify")["ok"] is True


def test_a_shop_is_only_replaced_when_told_and_then_kept(program: Program) -> None:
    program.text("backup", "--to", "kept.db")
    code, said = program.refusal("restore", "kept.db", "--yes")
    assert (code, said["code"]) == (5, "path_taken")
    assert "--replace" in said["message"]
    assert program.refusal("restore", "kept.db", "--replace")[0] == 2
    done = program.json("restore", "kept.db", "--replace", "--yes")
    (moved,) = done["moved_to"]
    assert Path(moved).name.startswith("keysat-replaced-")
    assert rows_in(Path(moved)).keys() == rows_in(program.db_path).keys()


def test_a_lost_validation_log_is_told(program: Program) -> None:
    run(program.folder / "keysat-activity.db", "CREATE TABLE noted (x)")
    program.text("backup", "--to", "kept.db")
    (program.folder / "kept-activity.db").unlink()
    result = program.run("restore", "kept.db", "--replace", "--yes")
    assert result.exit_code == 0
    assert "kept-activity.db is not there" in result.stderr


def test_a_damaged_backup_is_refused(program: Program) -> None:
    program.text("backup", "--to", "kept.db")
    kept = program.folder / "kept.db"
    data = bytearray(kept.read_bytes())
    data[data.rindex(b"Widget")] ^= 1
    kept.write_bytes(data)
    result = program.run("verify", "kept.db", "--json")
    assert result.exit_code == 9
    assert "checksum" in findings(msgspec.json.decode(result.stdout))
    before = bytes_of(program.db_path)
    code, said = program.refusal("restore", "kept.db", "--replace", "--yes")
    assert (code, said["code"]) == (9, "backup_unsound")
    assert bytes_of(program.db_path) == before
    assert not list(program.folder.glob("*.keysat-partial*"))


def test_under_a_running_server_nothing_is_restored(tmp_path: Path) -> None:
    shop_with_a_tier(tmp_path)
    with live_server(tmp_path) as server:
        program = server.program
        issued = program.json("license", "issue", "widget")
        made = program.json("backup")
        code, said = program.refusal("restore", made["path"], "--replace", "--yes")
        assert (code, said["code"]) == (7, "database_in_use")
        assert "stop the server" in said["message"]
        later = program.json("license", "issue", "widget")
        assert server.validate(issued["license_key"])["ok"] is True
        assert server.validate(later["license_key"])["ok"] is True
        assert server.stop() == 0
    program.text("restore", made["path"], "--replace", "--yes")
    with live_server(tmp_path) as server:
        assert server.validate(issued["license_key"])["ok"] is True
        assert server.validate(later["license_key"])["reason"] == "not_found"


# --- killed -------------------------------------------------------------------------------------


def killed(program: Program, partial: Path, seconds: float, *words: str) -> None:
    """Start a command, and kill it a while after it began to write, if it is not done by then."""
    with subprocess.Popen(  # noqa: S603  the words are the test's own
        [sys.executable, "-m", "keysat_cli", *words],
        cwd=program.folder,
        env=clean_environment(**program.settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and not list(partial.parent.glob(partial.name)):
            time.sleep(0.002)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


@pytest.fixture
def large(program: Program) -> Program:
    """A database that takes a moment to copy and to check."""
    run(
        program.db_path,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        " INSERT INTO settings SELECT 'setting ' || i, hex(randomblob(500)), 1 FROM n",
    )
    return program


def test_a_killed_backup_leaves_no_backup_and_the_next_one_works(large: Program) -> None:
    folder = large.folder / "backups"
    left = []
    for step in range(4):
        killed(large, folder / "*.db.keysat-partial", 0.05 * step, "backup")
        left += [path.name for path in folder.glob("*.keysat-partial")]
        for path in folder.glob("*.db"):
            assert large.json("verify", str(path))["ok"] is True
            path.unlink()
        for path in folder.glob("*.sha256"):
            path.unlink()
    assert left != [], "no kill came early enough to prove anything"
    made = large.json("backup")
    name = Path(made["path"]).name
    assert names_in(folder) == [name, f"{name}.sha256"]
    assert large.json("verify", made["path"])["ok"] is True


def test_a_killed_restore_leaves_the_old_shop_or_the_new_one(large: Program) -> None:
    large.text("backup", "--to", "kept.db")
    kept = rows_in(large.folder / "kept.db")
    run(large.db_path, "INSERT INTO settings VALUES ('marker', 'old', 1)")
    old = rows_in(large.db_path)
    partial = large.folder / "keysat.db.keysat-partial"
    left = 0
    for step in range(4):
        killed(large, partial, 0.08 * step, "restore", "kept.db", "--replace", "--yes")
        left += partial.exists()
        assert rows_in(large.db_path) in (old, kept)
        assert large.json("verify")["ok"] is True
    assert left, "no kill came early enough to prove anything"
    large.text("restore", "kept.db", "--replace", "--yes")
    assert rows_in(large.db_path) == kept
    assert not list(large.folder.glob("*.keysat-partial*"))


# --- no room ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [("backup", "--to", "full.db"), ("restore", "kept.db", "--replace", "--yes")],
    ids=lambda words: words[0],
)
def test_without_room_there_is_a_clear_error_and_nothing_is_left(
    words: tuple[str, ...], large: Program
) -> None:
    large.text("backup", "--to", "kept.db")
    rows = rows_in(large.db_path)
    before = set(names_in(large.folder))
    # No file may grow beyond 8 MB, as on a disk that is nearly full.
    command = 'ulimit -f 8192; exec "$@"'
    done = subprocess.run(  # noqa: S603  the words are the test's own
        ["/bin/bash", "-c", command, "-", sys.executable, "-m", "keysat_cli", *words],
        cwd=large.folder,
        env=clean_environment(**large.settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    assert done.stderr.startswith("keysat: the database cannot be used: copying ")
    assert set(names_in(large.folder)) - {"keysat.db-wal", "keysat.db-shm"} == before
    assert rows_in(large.db_path) == rows
