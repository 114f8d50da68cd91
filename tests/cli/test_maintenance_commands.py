"""``migrate`` and ``schema``."""

import shutil
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.validation_log import SQLiteValidationLog
from keysat_core.domain.activity import ValidationEntry
from keysat_core.domain.instant import Instant
from tests.support.program import Program, clean_environment
from tests.support.stocked import run
from tests.support.tree import PACKAGES, ROOT


def test_a_database_is_made_by_migrating(tmp_path: Path) -> None:
    program = Program(folder=tmp_path / "new" / "folder")
    program.folder.mkdir(parents=True)
    done = program.json("migrate")
    assert done["ok"] is True
    assert done["db_path"] == str(program.db_path)
    assert {one["state"] for one in done["migrations"]} == {"applied"}
    assert stat.S_IMODE(program.db_path.stat().st_mode) == 0o600
    assert program.text("key", "public").startswith("-----BEGIN PUBLIC KEY-----")


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    first = program.json("migrate")
    public_key = program.text("key", "public")
    assert program.json("migrate") == first
    assert program.text("key", "public") == public_key


def test_the_status_only_looks(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    result = program.run("migrate", "--status", "--json")
    assert result.exit_code == 9
    said = msgspec.json.decode(result.stdout)
    assert said["ok"] is False
    assert {one["state"] for one in said["migrations"]} == {"pending"}
    assert list(tmp_path.iterdir()) == []
    program.text("migrate")
    assert program.json("migrate", "--status")["ok"] is True
    assert "applied" in program.text("migrate", "--status")


def test_kept_counts_are_made_anew_when_asked_for(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    program.text("migrate")
    assert set(program.json("migrate", "--recount")["differed"].values()) == {0}
    run(program.db_path, "INSERT INTO row_counts VALUES ('licenses', 'p', '', 'active', 7)")
    assert program.run("verify").exit_code == 9
    assert program.json("migrate", "--recount")["differed"]["row_counts"] == 1
    assert program.run("verify").exit_code == 0
    assert program.run("migrate", "--recount", "--status").exit_code == 2


def test_the_daily_counts_of_the_validation_log_are_verified_and_made_anew(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    program.text("migrate")
    checks = {one["check"]: one for one in program.json("verify")["checks"]}
    assert checks["log_counts"]["skipped"] == "no validation was counted yet"
    log_path = program.db_path.with_name(f"{program.db_path.stem}-activity.db")
    with closing(SQLiteValidationLog(ActivityFile(log_path))) as log:
        for day in (10, 11, 11):
            log.note(ValidationEntry(result="ok", occurred_at=Instant(day * 86_400)))
    assert program.run("verify").exit_code == 0
    run(log_path, "UPDATE validation_days SET row_count = row_count + 5")
    assert program.run("verify").exit_code == 9
    assert program.json("migrate", "--recount")["differed"]["validation_days"] == 1
    assert program.run("verify").exit_code == 0
    with closing(SQLiteValidationLog(ActivityFile(log_path))) as log:
        # Rows of the first day may have been purged, so it may have had more.
        assert log.daily_counts(0, 99) == [(10, "ok", 6), (11, "ok", 2)]


def test_an_older_database_is_not_migrated_behind_a_servers_back(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    program.text("migrate")
    connection = apsw.Connection(str(program.db_path))
    connection.execute("DELETE FROM schema_migrations WHERE version = 1").fetchall()
    connection.close()
    code, said = program.refusal("product", "list")
    assert (code, said["code"]) == (7, "migration_refused")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the repository, as far as the program needs it."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "schema").mkdir()
    return tmp_path


def schema(checkout: Path, verb: str) -> tuple[int, Any]:
    done = subprocess.run(  # noqa: S603  the words are the test's own
        [sys.executable, "-m", "keysat_cli", "schema", verb, "--json"],
        cwd=checkout,
        env=clean_environment(PYTHONPATH=str(checkout)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, msgspec.json.decode(done.stdout or done.stderr)


def test_what_was_written_checks_out_and_drift_is_named(checkout: Path) -> None:
    assert schema(checkout, "check")[0] == 9
    code, written = schema(checkout, "write")
    assert (code, {file["state"] for file in written["files"]}) == (0, {"written"})
    assert schema(checkout, "check")[0] == 0
    assert {file["state"] for file in schema(checkout, "write")[1]["files"]} == {"unchanged"}

    sql = checkout / "schema" / "database.sql"
    sql.write_text(sql.read_text() + "-- edited\n")
    code, checked = schema(checkout, "check")
    assert (code, checked["ok"]) == (9, False)
    states = {file["path"]: file["state"] for file in checked["files"]}
    assert states == {
        "schema/openapi.json": "current",
        "schema/events.schema.json": "current",
        "schema/database.sql": "differs",
    }


def test_the_written_document_holds_every_route_and_no_address(checkout: Path) -> None:
    schema(checkout, "write")
    document = msgspec.json.decode((checkout / "schema" / "openapi.json").read_bytes())
    assert document["servers"] == [{"url": "/"}]
    assert {"/v1/validate", "/v1/purchase", "/v1/admin/products"} <= document["paths"].keys()


def test_outside_a_checkout_it_says_so(checkout: Path) -> None:
    shutil.rmtree(checkout / "schema")
    code, said = schema(checkout, "check")
    assert (code, said["code"]) == (6, "configuration_error")
    assert "checkout" in said["message"]
