"""Upgrading as operators meet it: what is done by itself, what is refused, and what is said."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.migrations import migrate
from tests.support.live_server import live_server
from tests.support.program import ADMIN_KEY, Program, shop_with_a_tier
from tests.support.stocked import bytes_of, rows_in, run

SERVER = {
    "KEYSAT_ADMIN_API_KEY": ADMIN_KEY,
    "KEYSAT_PUBLIC_URL": "http://127.0.0.1",
    "KEYSAT_BIND": "127.0.0.1:0",
}
NEWEST = packaged_migrations()[-1].version


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def poison(program: Program, version: int) -> None:
    run(
        program.db_path,
        f"UPDATE schema_migrations SET checksum = 'poison' WHERE version = {version}",  # noqa: S608
    )


def states(program: Program) -> dict[int, str]:
    result = program.run("migrate", "--status", "--json")
    said = msgspec.json.decode(result.stdout)
    assert result.exit_code == (0 if said["ok"] else 9)
    return {one["version"]: one["state"] for one in said["migrations"]}


def test_a_healable_mismatch_has_a_state_of_its_own_and_heals_by_migrating(
    program: Program,
) -> None:
    rows = rows_in(program.db_path)
    poison(program, 2)
    assert states(program)[2] == "healable"
    assert "run keysat migrate" in program.refusal("product", "list")[1]["message"]
    done = program.process("migrate", "--json")
    said = msgspec.json.decode(done.stdout)
    assert (done.returncode, said["ok"], said["copy_path"]) == (0, True, None)
    assert said["healed"] == [{"version": 2, "name": "leases", "remedy": "checksum_rewritten"}]
    assert "0002_leases" in done.stderr
    assert set(states(program).values()) == {"applied"}
    assert rows_in(program.db_path) == rows
    assert program.json("migrate")["healed"] == []


def test_running_again_says_where_the_copy_is(program: Program) -> None:
    poison(program, 2)
    run(program.db_path, "DROP TABLE leases")
    assert states(program)[2] == "healable"
    said = program.text("migrate")
    assert "Healed 0002_leases: run_again" in said
    copied = program.db_path.with_name("keysat-before-0002.db")
    assert str(copied) in said
    assert "leases" not in rows_in(copied)
    assert "leases" in rows_in(program.db_path)


def test_a_server_heals_by_itself_and_warns(program: Program) -> None:
    poison(program, 2)
    with live_server(program.folder) as server:
        assert server.stop() == 0
    lines = (program.folder / "server.log").read_bytes().splitlines()
    (warned,) = [msgspec.json.decode(line) for line in lines if b"0002_leases" in line]
    assert warned["level"] == "warning"
    assert set(states(program).values()) == {"applied"}


@pytest.mark.parametrize("words", [("migrate",), ("serve",)], ids=" ".join)
def test_a_mismatch_that_may_not_heal_stops_everything_and_changes_nothing(
    words: tuple[str, ...], program: Program
) -> None:
    poison(program, 1)
    before = bytes_of(program.db_path)
    assert states(program)[1] == "changed"
    program.variables.update(SERVER)
    done = program.process(*words, "--json")
    said = msgspec.json.decode(done.stderr)
    assert (done.returncode, done.stdout, said["code"]) == (7, "", "migration_refused")
    assert "0001_initial" in said["message"]
    assert "install that release, or restore a backup" in said["message"]
    assert bytes_of(program.db_path) == before


@pytest.mark.parametrize("words", [("migrate",), ("serve",), ("product", "list")], ids=" ".join)
def test_a_database_of_a_newer_program_is_refused(words: tuple[str, ...], program: Program) -> None:
    run(
        program.db_path,
        f"INSERT INTO schema_migrations VALUES ({NEWEST + 1}, 'later', 'sum', 1)",  # noqa: S608
    )
    before = bytes_of(program.db_path)
    assert states(program)[NEWEST + 1] == "unknown"
    program.variables.update(SERVER)
    done = program.process(*words, "--json")
    said = msgspec.json.decode(done.stderr)
    assert (done.returncode, done.stdout, said["code"]) == (7, "", "migration_refused")
    assert "newer Keysat" in said["message"]
    assert "install that version again" in said["message"]
    assert bytes_of(program.db_path) == before


def test_a_server_keeps_a_copy_before_it_migrates(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    create_file(program.db_path)
    with closing(open_writer(program.db_path)) as connection:
        migrate(connection, packaged_migrations()[:1])
    run(program.db_path, "INSERT INTO settings VALUES ('operator_name', 'Old shop', 1)")
    rows = rows_in(program.db_path)
    assert states(program)[2] == "pending"
    with live_server(tmp_path) as server:
        assert server.stop() == 0
    assert set(states(program).values()) == {"applied"}
    copied = program.db_path.with_name("keysat-before-0002.db")
    assert rows_in(copied) == rows
    assert rows_in(program.db_path)["settings"] == rows["settings"]
