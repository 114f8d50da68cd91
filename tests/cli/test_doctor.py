"""``keysat doctor``: each thing broken alone is found alone, and nothing is changed by looking."""

import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from keysat_cli import exit_codes
from keysat_cli.checkup.checks import CHECKS, Check
from keysat_cli.checkup.examination import Result, examined, exit_code_for, looked_at
from keysat_cli.checkup.patient import Patient
from keysat_cli.checkup.quick import QUICK
from keysat_cli.environment import load_environment
from keysat_cli.settings import StoreSettings
from keysat_core.domain.finding import Finding, Health
from keysat_core.limits import DISK_FREE_BYTES_MIN, WAL_BYTES_HIGH
from tests.support.builders import new_id
from tests.support.live_server import live_server
from tests.support.nobody import as_nobody
from tests.support.own_license import TRUST_ROOT, operators_license
from tests.support.patient import change, examine, healthy, unwell
from tests.support.program import ADMIN_KEY, Program, shop_with_a_tier

NOW = int(time.time())
DAY = 86_400


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return healthy(tmp_path)


def test_a_healthy_database_is_all_ok(program: Program) -> None:
    for words in ([], ["--full"], ["--strict"]):
        document = examine(program, *words)
        assert (document["ok"], document["exit_code"]) == (True, 0)
        assert {check["health"] for check in document["checks"]} == {"ok"}


def test_the_quick_checks_find_what_the_doctor_does(program: Program) -> None:
    found = program.json("health")
    assert found["ok"] is True
    names = [check["name"] for check in found["checks"]]
    assert names == [check.name for check in QUICK]
    assert {check["health"] for check in found["checks"]} == {"ok"}
    assert found["backup"]["last_path"] == str(program.folder / "backup.db")
    assert found["backup"]["last_at"] is not None
    assert found["database"]["files"][0]["name"] == "keysat.db"
    program.db_path.chmod(0o604)
    change(program, "UPDATE settings SET value = 'x' WHERE key = 'backup.last_at'")
    found = program.json("health")
    assert found["ok"] is False
    assert found["backup"]["last_at"] is None
    unwell = {check["name"] for check in found["checks"] if check["health"] != "ok"}
    assert unwell == {"file modes", "backup"}
    assert "run: chmod 600" in program.text("health")


def test_so_is_one_whose_server_runs(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        server.validate("LIC1-A-B")
        document = examine(Program(folder=tmp_path, variables={"KEYSAT_SANDBOX_MODE": "1"}))
        assert unwell(document) == {}
        assert document["ok"] is True


def test_so_is_one_whose_validation_log_is_being_made(program: Program) -> None:
    (program.folder / "keysat-activity.db").touch(mode=0o600)
    assert unwell(examine(program)) == {}


def test_people_get_a_line_for_each_check(program: Program) -> None:
    change(program, "UPDATE server_keys SET public_key_pem = 'x'", "DELETE FROM settings")
    result = program.run("doctor")
    lines = [line for line in result.stdout.splitlines() if "->" not in line]
    assert len(lines) == len(CHECKS)
    assert {line.split()[0] for line in lines} == {"ok", "warning", "FAIL"}
    assert re.search(r"^FAIL +signing key .*\n +-> restore a backup", result.stdout, re.MULTILINE)
    assert result.exit_code == 22


# --- one thing broken at a time -----------------------------------------------------------------


def overwrite(path: Path, offset: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * size)


def page_of(program: Program, name: str) -> int:
    with closing(apsw.Connection(str(program.db_path))) as connection:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        return int(str(connection.execute(sql, (name,)).get)) - 1


def damage(program: Program) -> None:
    overwrite(program.db_path, 4096 * page_of(program, "machines_seats"), 2048)


def lose_the_header(program: Program) -> None:
    overwrite(program.db_path, 0, 4096)


def leave_a_row_alone(program: Program) -> None:
    change(program, "PRAGMA foreign_keys = 0", "UPDATE licenses SET product_id = 'gone'")


def sell(program: Program, kind: str, *, effect_at: int | None) -> None:
    change(
        program,
        "INSERT INTO payment_providers (id, merchant_profile_id, kind, label, served_rails, base_url,"
        " connected_at, updated_at)"
        " SELECT :account, id, :kind, 'L', '[]', '', 0, 0 FROM merchant_profiles LIMIT 1",
        "INSERT INTO invoices (id, product_id, status, amount_sats, base_price_sats, redirect_url,"
        " payment_provider_id, checkout_url, created_at, updated_at, settled_at, effect_at)"
        " SELECT :invoice, id, 'settled', 5, 5, '', :account, '', 1, 1, 1, :effect_at"
        " FROM products LIMIT 1",
        account=new_id(),
        invoice=new_id(),
        kind=kind,
        effect_at=effect_at,
    )


def fill_the_disk(program: Program) -> None:
    """Leave too little room for a backup of a log that is large only by its length."""
    with live_server(program.folder, KEYSAT_SANDBOX_MODE="") as server:
        server.validate("LIC1-A-B")
    log = program.folder / "keysat-activity.db"
    free = shutil.disk_usage(program.folder).free
    os.truncate(log, (free - DISK_FREE_BYTES_MIN // 2) // 4096 * 4096)


def let_a_log_grow(program: Program) -> None:
    log = program.folder / "keysat-activity.db-wal"
    log.touch(mode=0o600)
    os.truncate(log, WAL_BYTES_HIGH)


def spoil_the_validation_log(program: Program) -> None:
    log = program.folder / "keysat-activity.db"
    log.touch(mode=0o600)
    log.write_bytes(b"not a database" * 500)


def use_a_newer_schema(program: Program) -> None:
    change(program, "INSERT INTO schema_migrations VALUES (9999, 'later', '', 0)")


def open_to_all(program: Program) -> None:
    program.db_path.chmod(0o644)


def write_an_open_env_file(program: Program) -> None:
    path = program.folder / ".env"
    path.write_text(f"KEYSAT_ADMIN_API_KEY={ADMIN_KEY}\n")
    path.chmod(0o644)


Break = Callable[[Program], object]

FAILING: dict[str, tuple[Break, str, int]] = {
    "a lost header": (lose_the_header, "database", 20),
    "no file": (lambda p: p.db_path.unlink(), "database", 20),
    "another program's file": (
        lambda p: change(p, "PRAGMA application_id = 7"),
        "database",
        20,
    ),
    "a damaged page": (damage, "integrity", 21),
    "no signing key": (lambda p: change(p, "DELETE FROM server_keys"), "signing key", 22),
    "another public key": (
        lambda p: change(
            p,
            "UPDATE server_keys SET public_key_pem = '-----BEGIN PUBLIC KEY-----\n"
            "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n"
            "-----END PUBLIC KEY-----\n'",
        ),
        "signing key",
        22,
    ),
    "a newer schema": (use_a_newer_schema, "schema", 23),
    "a dangling reference": (leave_a_row_alone, "foreign keys", 24),
    "a paid invoice without license": (
        lambda p: sell(p, "btcpay", effect_at=None),
        "paid invoices",
        25,
    ),
    "a database open to all": (open_to_all, "file modes", 27),
    "an env file open to all": (write_an_open_env_file, "file modes", 27),
    "pretend sales": (lambda p: sell(p, "sandbox", effect_at=1), "settings", 28),
    "a spoilt validation log": (spoil_the_validation_log, "validation log", 30),
    "rows from the future": (
        lambda p: change(p, "UPDATE audit_log SET occurred_at = :at", at=NOW + DAY),
        "clock",
        34,
    ),
}
WARNING: dict[str, tuple[Break, str, int]] = {
    "no room for a backup": (fill_the_disk, "disk space", 26),
    "a log that grows": (let_a_log_grow, "write-ahead log", 29),
    "no backup": (lambda p: change(p, "DELETE FROM settings"), "backup", 31),
    "an old backup": (
        lambda p: change(
            p,
            "UPDATE settings SET value = :at WHERE key = 'backup.last_at'",
            at=str(NOW - 9 * DAY),
        ),
        "backup",
        31,
    ),
    "a lost backup": (lambda p: (p.folder / "backup.db").unlink(), "backup", 31),
    "a lease from the future": (
        lambda p: change(
            p, "INSERT INTO leases VALUES ('purge', 'x', :until, NULL)", until=NOW + DAY
        ),
        "leases",
        32,
    ),
    "silent jobs": (
        lambda p: change(
            p, "INSERT INTO leases VALUES ('purge', NULL, 0, :ended)", ended=NOW - 3 * DAY
        ),
        "background jobs",
        33,
    ),
}


@pytest.mark.parametrize(("spoil", "name", "code"), FAILING.values(), ids=FAILING.keys())
def test_what_fails_is_found_and_gives_its_exit_code(
    program: Program, spoil: Break, name: str, code: int
) -> None:
    spoil(program)
    document = examine(program, "--offline")
    assert unwell(document) == {name: "failing"}
    assert document["exit_code"] == code
    assert document["ok"] is False


@pytest.mark.parametrize(("spoil", "name", "code"), WARNING.values(), ids=WARNING.keys())
def test_what_can_wait_is_shown_and_counts_only_when_asked(
    program: Program, spoil: Break, name: str, code: int
) -> None:
    spoil(program)
    document = examine(program)
    assert unwell(document) == {name: "warning"}
    assert (document["ok"], document["exit_code"]) == (True, 0)
    assert examine(program, "--strict")["exit_code"] == code


@pytest.mark.parametrize(
    ("variables", "health", "said"),
    [
        ({"KEYSAT_BIND": "nowhere"}, "failing", "KEYSAT_BIND"),
        ({"KEYSAT_ADMIN_API_KEY": "short"}, "failing", "32 bytes"),
        (
            {"KEYSAT_PUBLIC_URL": "https://a.example", "LICENSING_PUBLIC_URL": "https://b.example"},
            "failing",
            "LICENSING_PUBLIC_URL differ",
        ),
        (
            {"KEYSAT_ADMIN_API_KEY": ADMIN_KEY, "BTCPAY_API_KEY": ADMIN_KEY},
            "failing",
            "same as BTCPAY_API_KEY",
        ),
        ({"KEYSAT_PUBLIC_URL": "http://shop.example.com"}, "warning", "in the clear"),
        ({"KEYSAT_PUBLIC_URL": "http://localhost:8080"}, "warning", "their own machine"),
        (
            {"KEYSAT_TRUSTED_PROXIES": "10.0.0.0/8", "KEYSAT_BEHIND_PROXY": "0"},
            "warning",
            "only the list counts",
        ),
        (
            {"KEYSAT_LICENSE": operators_license("a"), "KEYSAT_TRUST_ROOT_PEM": TRUST_ROOT},
            "warning",
            "different licenses",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_found(
    program: Program, variables: dict[str, str], health: str, said: str
) -> None:
    (program.folder / "keysat-license.txt").write_text(operators_license("b"))
    known = {"KEYSAT_TRUST_ROOT_PEM": TRUST_ROOT} | variables
    document = examine(Program(folder=program.folder, variables=known), "--offline")
    assert unwell(document) == {"settings": health}
    [check] = [one for one in document["checks"] if one["name"] == "settings"]
    assert said in check["findings"][0]["text"]
    assert document["exit_code"] == (28 if health == "failing" else 0)


def test_sandbox_mode_over_real_sales_is_found(program: Program) -> None:
    sell(program, "btcpay", effect_at=1)
    assert unwell(examine(program, "--offline")) == {}
    sandbox = Program(folder=program.folder, variables={"KEYSAT_SANDBOX_MODE": "1"})
    assert examine(sandbox, "--offline")["exit_code"] == 28


def test_a_locked_database_is_said_to_be_locked(program: Program) -> None:
    with closing(apsw.Connection(str(program.db_path))) as other:
        other.pragma("locking_mode", "exclusive")
        other.execute("BEGIN EXCLUSIVE").fetchall()
        document = examine(program)
    assert document["exit_code"] == 20
    [finding] = document["checks"][0]["findings"]
    assert "locked" in finding["remedy"]
    assert {one["health"] for one in document["checks"][1:6]} == {"skipped"}


def test_a_database_to_be_migrated_is_told_apart_from_a_foreign_one(program: Program) -> None:
    change(program, "DELETE FROM schema_migrations WHERE version > 1", "DROP TABLE leases")
    document = examine(program)
    assert document["exit_code"] == 23
    assert unwell(document) == {"schema": "failing"}
    [check] = [one for one in document["checks"] if one["name"] == "schema"]
    assert "keysat migrate" in check["findings"][0]["remedy"]


# --- what holds for every look ------------------------------------------------------------------


def picture(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mode) for path in sorted(folder.iterdir())
    }


@pytest.mark.parametrize("spoil", [lambda p: None, damage, lose_the_header, leave_a_row_alone])
def test_looking_changes_nothing(program: Program, spoil: Break) -> None:
    spoil(program)
    before = picture(program.folder)
    examine(program, "--full")
    assert picture(program.folder) == before


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    program = Program(folder=tmp_path / "no such folder", variables={})
    (tmp_path / "no such folder").mkdir()
    assert examine(program)["exit_code"] == 20
    assert list(program.folder.iterdir()) == []


def test_what_a_crash_left_is_left(tmp_path: Path) -> None:
    shop_with_a_tier(tmp_path)
    with live_server(tmp_path) as server:
        server.admin("POST", "/v1/admin/licenses", {"product_slug": "widget"})
        server.process.kill()
        server.process.wait()
        sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
        assert sizes["keysat.db-wal"] > 0
        examine(Program(folder=tmp_path))
        assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == sizes


def test_the_most_serious_check_decides() -> None:
    def result(health: Health, code: int) -> Result:
        check = Check(name="x", exit_code=code, look=lambda _: [])
        return Result(check=check, findings=[Finding(health=health, text="")])

    ok, warned = result(Health.OK, 20), result(Health.WARNING, 21)
    skipped, failed = result(Health.SKIPPED, 22), result(Health.FAILING, 23)
    worse = result(Health.FAILING, 24)
    results = [ok, warned, skipped, failed, worse]
    assert exit_code_for(results, is_strict=False) == 23
    assert exit_code_for(results, is_strict=True) == 23
    assert exit_code_for([ok, warned, skipped], is_strict=False) == 0
    assert exit_code_for([ok, warned, skipped], is_strict=True) == 21


def test_every_check_has_a_documented_exit_code_of_its_own() -> None:
    codes = [check.exit_code for check in CHECKS]
    assert codes == sorted(set(codes))
    assert codes[0] >= 20
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    documented = re.findall(r"^\| (\d+) \| doctor:", exit_codes.__doc__ or "", re.MULTILINE)
    assert list(map(int, documented)) == codes


# --- what may not be looked at ------------------------------------------------------------------


def patient_of(folder: Path, db_path: Path) -> Patient:
    return Patient(
        settings=StoreSettings(db_path=db_path),
        environment=load_environment({}, folder),
        folder=folder,
    )


def test_a_database_in_a_folder_that_may_not_be_searched_is_reported() -> None:
    with as_nobody() as folder:
        (folder / "closed").mkdir(mode=0o600)
        with examined(patient_of(folder, folder / "closed" / "keysat.db")) as results:
            assert len(results) == len(CHECKS)
    assert exit_code_for(results, is_strict=False) == 20
    assert "cannot be looked at: Permission denied" in results[0].findings[0].text


def test_an_empty_file_is_reported_and_stays_empty(program: Program) -> None:
    program.db_path.write_bytes(b"")
    document = examine(program)
    assert document["exit_code"] == 20
    assert "empty: restore a backup, or run keysat migrate" in str(document["checks"][0])
    assert program.db_path.stat().st_size == 0


def test_a_backup_in_a_folder_that_may_not_be_searched_hides_nothing_else() -> None:
    with as_nobody() as folder:
        program = shop_with_a_tier(folder)
        program.text("license", "issue", "widget/pro")
        (folder / "closed").mkdir(mode=0o600)
        change(
            program,
            "INSERT INTO settings VALUES ('backup.last_at', :at, 0), ('backup.last_path', :path, 0)",
            at=str(NOW),
            path=str(folder / "closed" / "backup.db"),
        )
        document = examine(program)
    assert len(document["checks"]) == len(CHECKS)
    assert unwell(document)["backup"] == "warning"


@pytest.mark.parametrize("failure", [PermissionError(13, "Permission denied"), ValueError("odd")])
def test_a_check_that_breaks_is_reported_as_failing(failure: Exception, tmp_path: Path) -> None:
    def breaks(_: Patient) -> list[Finding]:
        raise failure

    patient = patient_of(tmp_path, tmp_path / "keysat.db")
    result = looked_at(Check(name="odd", exit_code=99, look=breaks), patient, is_well=True)
    assert (result.health, exit_code_for([result], is_strict=False)) == (Health.FAILING, 99)


def test_files_this_user_may_not_write_are_found() -> None:
    with as_nobody() as folder:
        program = shop_with_a_tier(folder)
        program.db_path.chmod(0o400)
        document = examine(program)
        program.db_path.chmod(0o600)
        log = folder / "keysat.db-wal"
        log.touch(mode=0o400)
        with_a_log = examine(program)
    assert document["exit_code"] == with_a_log["exit_code"] == 20
    assert f"chmod u+w {program.db_path}" in str(document["checks"][0])
    assert f"chmod u+w {log}" in str(with_a_log["checks"][0])
