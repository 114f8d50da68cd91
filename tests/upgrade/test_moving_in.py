"""Moving in from the earlier server: everything comes along, and whatever goes wrong, nothing is lost."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
import pytest

from keysat_adapters.sqlite.earlier.moving_in import move_in
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_cli.exit_codes import ExitCode
from keysat_cli.moving_in import places_of
from keysat_cli.verification import file_problems
from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.instant import Instant
from keysat_core.ports.ids import Ids
from tests.support.earlier.compare import differences
from tests.support.earlier.shop import EarlierShop, write_earlier_database
from tests.support.live_server import LiveServer, free_port, live_server
from tests.support.program import ADMIN_KEY, Program, clean_environment

NOW: Final = Instant(1_800_000_000)
REPORTED: Final = {
    "D1.license": ("licenses", "D1"),
    "D1.subscription": ("subscriptions", "D1"),
    "D3.subscription": ("subscriptions", "D3"),
    "D4.license": ("licenses", "D4"),
    "D12.invoice": ("invoices", "D12"),
    "D36.subscription": ("subscriptions", "D36"),
}
"""What the adoption has to list (lifecycles 13.2): the table of a defect, and its rule."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> EarlierShop:
    return write_earlier_database(tmp_path_factory.mktemp("earlier") / "keysat.db")


@pytest.fixture(scope="module")
def program(shop: EarlierShop, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A folder with a copy of it in the place of the database, moved in by hand."""
    program = Program(folder=tmp_path_factory.mktemp("moved"))
    shutil.copy(shop.path, program.db_path)
    return program


@pytest.fixture(scope="module")
def imported(program: Program) -> Any:
    return program.json("import")


@pytest.fixture(scope="module")
def server(shop: EarlierShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that found such a database in its place when it started."""
    folder = tmp_path_factory.mktemp("adopted")
    shutil.copy(shop.path, folder / "keysat.db")
    with live_server(folder, KEYSAT_SANDBOX_MODE="") as running:
        yield running


def folder_of(shop: EarlierShop, folder: Path) -> Program:
    shutil.copy(shop.path, folder / "keysat.db")
    return Program(folder=folder)


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def change(path: Path, sql: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(sql).fetchall()


def test_nothing_differs_that_nobody_explained(
    shop: EarlierShop, program: Program, imported: Any
) -> None:
    assert imported["report"]["keys_compared"] > 990
    found = list(differences(shop.path, program.db_path))
    assert [one for one in found if one.explained is None] == []


def test_the_earlier_file_is_kept_as_it_was(shop: EarlierShop, imported: Any) -> None:
    assert digest(Path(imported["kept_path"])) == digest(shop.path)


def test_the_new_database_is_in_order(program: Program, imported: Any) -> None:
    del imported
    assert program.json("verify")["ok"]
    assert program.db_path.stat().st_mode & 0o777 == 0o600


def test_every_row_is_carried_left_or_left_out_and_the_report_says_which(imported: Any) -> None:
    report = imported["report"]
    assert msgspec.json.decode(Path(imported["report_path"]).read_bytes()) == report
    for table in report["tables"]:
        is_omitted = table["omitted"] is not None
        assert table["found"] == table["left"] + table["carried"] or is_omitted
    omitted = {table["table"] for table in report["tables"] if table["omitted"]}
    assert omitted == {"sessions", "btcpay_authorize_state", "rate_buckets"}


@pytest.mark.parametrize("defect", REPORTED)
def test_what_a_defect_left_is_listed_and_nothing_else(
    shop: EarlierShop, imported: Any, defect: str
) -> None:
    table, rule = REPORTED[defect]
    noted = {
        note["id"]
        for note in imported["report"]["notes"]
        if (note["kind"], note["table"], note["rule"]) == ("defect", table, rule)
    }
    assert noted == set(shop.defects[defect])
    assert noted


def test_no_session_token_is_anywhere_in_the_new_files(
    shop: EarlierShop, program: Program, imported: Any
) -> None:
    del imported
    written = b"".join(
        path.read_bytes() for path in program.folder.iterdir() if "earlier" not in path.name
    )
    assert shop.session_tokens
    assert [token for token in shop.session_tokens if token.encode() in written] == []


def test_importing_again_says_that_there_is_nothing_to_import(
    program: Program, imported: Any
) -> None:
    del imported
    code, problem = program.refusal("import")
    assert code == ExitCode.DATABASE
    assert "no database of the earlier" in problem["message"]


def test_a_server_moves_in_by_itself_and_goes_on_answering(
    shop: EarlierShop, server: LiveServer
) -> None:
    assert server.admin("GET", "/v1/admin/licenses/summary")["total"] >= 1_000
    assert len([*server.program.folder.glob("keysat-earlier-*.db")]) == 1
    assert len([*server.program.folder.glob("keysat-import-*.json")]) == 1
    # A key of version 1, which nobody can make any more, is answered like a new one.
    answers = {server.validate(key)["ok"] for key in shop.first_keys.values()}
    assert True in answers
    reasons = [server.validate(key).get("reason") for key in shop.first_keys.values()]
    assert not set(reasons) & {"bad_format", "bad_signature", "not_found"}


def test_what_was_paid_and_never_delivered_waits_for_its_operator(
    shop: EarlierShop, server: LiveServer
) -> None:
    held = shop.defects["D12.invoice"][0]
    waiting = server.admin("GET", f"/v1/admin/invoices/{held}")
    assert (waiting["attention"], waiting["license_id"]) == ("without_effect", None)
    settled = server.admin("POST", f"/v1/admin/invoices/{held}/settle", {})
    assert settled["invoice"]["attention"] is None
    key = server.ask("GET", f"/v1/purchase/{held}").json()["license_key"]
    assert server.validate(key)["ok"]


def test_trying_it_beside_a_working_server_changes_nothing(
    shop: EarlierShop, tmp_path: Path
) -> None:
    program = folder_of(shop, tmp_path)
    with closing(apsw.Connection(str(program.db_path))) as working:
        working.execute("BEGIN; SELECT count(*) FROM licenses").fetchall()
        tried = program.json("import", "--dry-run")
    assert tried["dry_run"]
    assert tried["report"]["keys_compared"] > 990
    assert [path.name for path in tmp_path.iterdir()] == ["keysat.db"]
    assert digest(program.db_path) == digest(shop.path)


def test_an_import_beside_a_working_server_is_refused(shop: EarlierShop, tmp_path: Path) -> None:
    program = folder_of(shop, tmp_path)
    change(program.db_path, "PRAGMA journal_mode = wal")
    with closing(apsw.Connection(str(program.db_path))) as working:
        working.execute("SELECT count(*) FROM licenses").fetchall()
        done = program.process("import", "--json")
    assert msgspec.json.decode(done.stderr)["error"] == "database_in_use", done.stderr
    assert program.json("import")["ok"]


def test_a_database_elsewhere_is_imported_and_left_where_it_is(
    shop: EarlierShop, tmp_path: Path
) -> None:
    earlier = tmp_path / "old" / "shop.db"
    earlier.parent.mkdir()
    shutil.copy(shop.path, earlier)
    program = Program(folder=tmp_path)
    assert program.json("import", str(earlier))["kept_path"] == str(earlier)
    assert digest(earlier) == digest(shop.path)
    assert program.json("verify")["ok"]


def test_nothing_that_is_there_is_overwritten(shop: EarlierShop, tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    program.text("migrate")
    before = digest(program.db_path)
    code, problem = program.refusal("import", str(shop.path))
    assert (code, problem["error"]) == (ExitCode.CONFLICT, "path_taken")
    assert digest(program.db_path) == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM _sqlx_migrations WHERE version = 25", "at version 24"),
        ("INSERT INTO _sqlx_migrations VALUES (26, 'x', '', 1, x'00', 1)", "newer Keysat"),
        ("UPDATE _sqlx_migrations SET success = 0 WHERE version = 25", "migration 25"),
        ("ALTER TABLE machines DROP COLUMN hostname", "machines.hostname"),
        ("DELETE FROM server_keys", "never finished its first start"),
    ],
    ids=["older", "newer", "failed", "misshapen", "keyless"],
)
def test_a_database_that_does_not_fit_is_refused_and_left_untouched(
    shop: EarlierShop, tmp_path: Path, sql: str, said: str
) -> None:
    program = folder_of(shop, tmp_path)
    change(program.db_path, sql)
    before = digest(program.db_path)
    _, problem = program.refusal("import")
    assert said in problem["message"]
    assert digest(program.db_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["keysat.db"]


def test_a_server_that_finds_an_older_database_does_not_start(
    shop: EarlierShop, tmp_path: Path
) -> None:
    program = folder_of(shop, tmp_path)
    change(program.db_path, "DELETE FROM _sqlx_migrations WHERE version = 25")
    settings = {
        "KEYSAT_BIND": f"127.0.0.1:{free_port()}",
        "KEYSAT_PUBLIC_URL": "http://localhost",
        "KEYSAT_ADMIN_API_KEY": ADMIN_KEY,
    }
    started = program.process("serve", env=clean_environment(**program.settings, **settings))
    assert started.returncode == ExitCode.DATABASE
    assert "at version 24" in started.stderr


class DyingIds(Ids):
    """Gives ids until the process dies of it."""

    def __init__(self, left: int) -> None:
        self._left, self._ids = left, RandomIds()

    def new(self) -> str:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._ids.new()


def die(_: Path) -> tuple[str, ...]:
    os.kill(os.getpid(), signal.SIGKILL)
    return ()


def killed(body: Callable[[], object], *, after: float | None = None) -> None:
    """Do something in a process that is killed in the midst of it, or after some seconds."""
    child = os.fork()
    if child == 0:
        if after is not None:
            signal.setitimer(signal.ITIMER_REAL, after)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        try:
            body()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def moved(path: Path, *, ids: Ids, verify: Callable[[Path], tuple[str, ...]], now: Instant) -> None:
    places = places_of(path, path, now)
    move_in(places, verify=verify, actor=SYSTEM, ids=ids, entropy=SystemEntropy(), now=now)


def test_an_import_that_is_killed_anywhere_can_be_repeated(
    shop: EarlierShop, tmp_path: Path
) -> None:
    program = Program(folder=tmp_path)
    path = write_earlier_database(program.db_path, licenses=1).path
    before = digest(path)
    for left in (1, 60):
        killed(lambda left=left: moved(path, ids=DyingIds(left), verify=file_problems, now=NOW))  # type: ignore[misc]
        assert digest(path) == before
    killed(lambda: moved(path, ids=RandomIds(), verify=die, now=NOW))
    assert digest(path) == before

    def ticking(_: Path) -> tuple[str, ...]:
        # From here on it is about giving names; the clock of the process that is to die starts now.
        signal.setitimer(signal.ITIMER_REAL, ticks)
        return ()

    for number in range(8):
        ticks = 0.0006 * (number + 1)
        now = Instant(NOW + 1 + number)
        killed(lambda now=now: moved(path, ids=RandomIds(), verify=ticking, now=now))  # type: ignore[misc]
        if digest(path) != before:
            break
    if digest(path) == before:
        program.text("import")
    assert program.json("verify")["ok"]
    # Beside it may lie the log of validations that a killed import had put in its place already.
    earlier = [each for each in tmp_path.glob("keysat-earlier-*.db") if "activity" not in each.name]
    assert {digest(each) for each in earlier} == {before}
    assert not [*tmp_path.glob("*.keysat-partial")] or program.run("backup").exit_code == 0


def test_what_a_killed_server_left_in_its_log_is_imported(
    shop: EarlierShop, tmp_path: Path
) -> None:
    path = folder_of(shop, tmp_path).db_path

    def sell() -> None:
        connection = apsw.Connection(str(path))
        connection.pragma("journal_mode", "wal")
        connection.execute(
            "UPDATE products SET name = 'Last change' WHERE slug = 'atlas'"
        ).fetchall()
        os.kill(os.getpid(), signal.SIGKILL)

    killed(sell)
    assert path.with_name("keysat.db-wal").exists()
    program = Program(folder=tmp_path)
    program.text("import")
    assert program.json("product", "show", "atlas")["name"] == "Last change"
    assert not [*tmp_path.glob("*-wal")]
