"""How commands fail: one clear line, an exit code scripts can rely on, never a traceback."""

import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import click
import msgspec
import pytest
from click.testing import CliRunner, Result

import keysat_core
from keysat_cli import exit_codes
from keysat_cli.exit_codes import EXIT_CODES, ExitCode, exit_code_of
from keysat_cli.groups import JSONCommand, RootGroup
from keysat_core import errors as core
from tests.support.nobody import as_nobody
from tests.support.program import Program, clean_environment, shop_with_a_tier

NOBODY: Final = "00000000-0000-4000-8000-000000000000"


def leaves() -> Iterator[type[core.KeysatError]]:
    for module in pkgutil.walk_packages(keysat_core.__path__, "keysat_core."):
        importlib.import_module(module.name)
    pending: list[type[core.KeysatError]] = [core.KeysatError]
    while pending:
        error = pending.pop()
        below = [
            kind for kind in error.__subclasses__() if kind.__module__.startswith("keysat_core")
        ]
        pending += below
        if not below:
            yield error


class Failing:
    """A program whose one command fails as told."""

    def __init__(self, failure: BaseException) -> None:
        def boom() -> None:
            raise failure

        command = JSONCommand("boom", callback=boom)
        self._cli = RootGroup("keysat", modules={})
        self._cli.get_command = lambda ctx, cmd_name: command  # type: ignore[method-assign]

    def run(self, *words: str, **variables: str) -> Result:
        return CliRunner().invoke(self._cli, ["boom", *words], env=variables)


def envelope(result: Result) -> Any:
    assert result.stdout == ""
    return msgspec.json.decode(result.stderr)


def test_every_failure_of_the_core_has_an_exit_code() -> None:
    assert set(EXIT_CODES) == set(leaves())
    assert ExitCode.OK not in EXIT_CODES.values()
    assert ExitCode.UNEXPECTED not in EXIT_CODES.values()


def test_every_exit_code_is_documented() -> None:
    for code in ExitCode:
        assert f"| {int(code)} |" in (exit_codes.__doc__ or "")


def test_an_unknown_failure_counts_as_unexpected() -> None:
    class Unheard(core.KeysatError):
        code = "unheard"

    assert exit_code_of(Unheard("x")) is ExitCode.UNEXPECTED


def test_a_failure_is_one_line_on_stderr() -> None:
    result = Failing(core.StoreBusy()).run()
    assert (result.exit_code, result.stdout) == (7, "")
    assert result.stderr == "keysat: the database is busy; retry\n"


def test_with_json_a_failure_is_the_apis_envelope() -> None:
    result = Failing(core.SlugTaken("product", "x")).run("--json")
    assert result.exit_code == 5
    assert envelope(result) == {
        "ok": False,
        "error": "conflict",
        "message": "a product with slug 'x' already exists; choose another slug",
        "code": "slug_taken",
        "exit_code": 5,
    }


def test_a_reached_cap_says_where_to_get_more() -> None:
    failing = Failing(core.TierCapReached("too many", "https://up.example/"))
    assert envelope(failing.run("--json"))["upgrade_url"] == "https://up.example/"
    assert failing.run().stderr == "keysat: too many: https://up.example/\n"


def test_a_failure_names_the_option_not_the_field() -> None:
    failing = Failing(core.StillReferenced("product", "x", {"licenses": 2}))
    assert "--force" in failing.run().stderr
    assert "force=true" not in failing.run("--json").stderr


def test_no_control_character_of_a_message_reaches_the_terminal() -> None:
    result = Failing(core.NotFound("product", "x")).run()
    assert "\x1b" not in result.stderr
    assert "\x1b" not in Failing(core.InvariantError("name", "bad \x1b[31m")).run().stderr


def test_the_unexpected_is_short_and_says_how_to_see_more() -> None:
    result = Failing(ZeroDivisionError("the secret")).run()
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "KEYSAT_DEBUG=1" in result.stderr
    assert "secret" not in result.stderr
    assert envelope(Failing(ZeroDivisionError()).run("--json"))["error"] == "internal_error"


def test_whoever_asks_sees_where_it_broke() -> None:
    result = Failing(ZeroDivisionError("here")).run(KEYSAT_DEBUG="1")
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError: here" in result.stderr


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_ends_quietly(failure: BaseException) -> None:
    result = Failing(failure).run()
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_a_wrong_command_line_is_a_usage_error_in_both_forms(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    result = program.run("product", "create", "widget")
    assert result.exit_code == 2
    assert "Missing option '--name'" in result.stderr
    code, said = program.refusal("product", "create", "widget")
    assert (code, said["error"], said["code"]) == (2, "bad_request", "usage")
    assert program.refusal("no-such-command")[0] == 2
    assert program.refusal("product", "list", "--no-such-option")[0] == 2


@pytest.mark.parametrize(
    ("words", "exit_code", "error"),
    [
        (["product", "show", "gadget"], 3, "not_found"),
        (["policy", "show", "widget/basic"], 3, "not_found"),
        (["license", "show", NOBODY], 3, "not_found"),
        (["machine", "deactivate", NOBODY, "--yes"], 3, "not_found"),
        (["product", "create", "UPPER", "--name", "x", "--price-value", "1"], 4, "invalid_field"),
        (["product", "create", "free", "--name", "x", "--price-value", "0"], 4, "invalid_field"),
        (["product", "create", "none", "--name", "x"], 4, "invalid_field"),
        (["policy", "create", "widget/sub", "--name", "x", "--recurring",
          "--renewal-period-days", "30"], 4, "tier_cap"),
        (["license", "list", "--limit", "10001"], 4, "invalid_field"),
        (["license", "issue", "widget", "--expires-at", "tomorrow"], 4, "invalid_field"),
        (["rates", "pin", "USD", "nothing"], 4, "invalid_field"),
        (["product", "create", "widget", "--name", "x", "--price-value", "1"], 5, "slug_taken"),
        (["policy", "create", "widget/pro", "--name", "x"], 5, "slug_taken"),
        (["key", "verify", "LIC1-A-B", "--pem", "no-such-file"], 6, "configuration_error"),
        (["key", "inspect", "LIC1-A-B"], 8, "bad_format"),
    ],
)  # fmt: skip
def test_each_kind_of_failure_has_its_code(
    words: list[str], exit_code: int, error: str, tmp_path: Path
) -> None:
    code, said = shop_with_a_tier(tmp_path).refusal(*words)
    assert (code, said["code"]) == (exit_code, error)


def test_a_wrong_setting_is_a_configuration_error(tmp_path: Path) -> None:
    program = Program(folder=tmp_path, variables={"KEYSAT_UPGRADE_URL": "perhaps"})
    code, said = program.refusal("product", "list")
    assert (code, said["code"]) == (6, "configuration_error")
    assert said["message"].startswith("KEYSAT_UPGRADE_URL: ")


def test_a_line_of_the_env_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEYSAT_OPERATOR_NAME\n")
    code, said = Program(folder=tmp_path).refusal("product", "list")
    assert (code, said["message"]) == (6, ".env line 1: is not of the form NAME=value")


def test_a_file_that_is_no_database_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "keysat.db").write_text("this is no database at all, but it is long enough" * 20)
    assert Program(folder=tmp_path).refusal("product", "list")[0] == 7


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with apsw.Connection(str(tmp_path / "keysat.db")) as other:
        other.execute("CREATE TABLE strange (x)").fetchall()
    other.close()
    code, said = Program(folder=tmp_path).refusal("product", "list")
    assert (code, said["code"]) == (7, "migration_refused")


def test_a_locked_database_is_busy(tmp_path: Path) -> None:
    program = shop_with_a_tier(tmp_path)
    holder = apsw.Connection(str(program.db_path))
    holder.execute("BEGIN IMMEDIATE").fetchall()
    try:
        code, said = program.refusal("product", "deactivate", "widget")
    finally:
        holder.close()
    assert (code, said["code"]) == (7, "store_busy")


def test_a_folder_nobody_can_make_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    program = Program(folder=tmp_path, variables={"KEYSAT_DB_PATH": str(tmp_path / "file/k.db")})
    assert program.refusal("product", "list")[0] == 7


FULL: Final = Path("/dev/full")
"""Takes no output: what a full disk answers."""


def told(tmp_path: Path, *words: str, stdout: int | None = None) -> tuple[int, str]:
    """Run a command whose output goes to a descriptor, or to a reader that has left."""
    descriptor = stdout
    if descriptor is None:
        reader, descriptor = os.pipe()
        os.close(reader)
    try:
        done = subprocess.run(  # noqa: S603  the words are the test's own
            [sys.executable, "-m", "keysat_cli", *words],
            cwd=tmp_path,
            env=clean_environment(KEYSAT_DB_PATH=str(tmp_path / "keysat.db")),
            stdout=descriptor,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        if stdout is None:
            os.close(descriptor)
    return done.returncode, done.stderr


def test_a_reader_that_goes_away_is_no_failure_to_speak_of(tmp_path: Path) -> None:
    shop_with_a_tier(tmp_path)
    assert told(tmp_path, "policy", "list", "widget", "--json") == (141, "")


ISSUING: Final = (
    ("license", "issue", "widget"),
    ("license", "issue", "widget", "--json"),
    ("license", "issue-many", "widget", "--count", "1"),
)


@pytest.mark.parametrize("words", ISSUING, ids=" ".join)
def test_a_reader_that_goes_away_is_told_that_the_change_was_made(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    program = shop_with_a_tier(tmp_path)
    code, said = told(tmp_path, *words)
    assert code == 141
    assert said == "keysat: the change was made, but nobody read its output: do not run it again\n"
    assert program.json("license", "summary")["total"] == 1


@pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")
@pytest.mark.parametrize("words", ISSUING, ids=" ".join)
def test_output_that_cannot_be_written_does_not_hide_that_the_change_was_made(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    program = shop_with_a_tier(tmp_path)
    with FULL.open("wb") as full:
        code, said = told(tmp_path, *words, stdout=full.fileno())
    message = "the change was made, only its output could not be written"
    assert f"{message} (No space left on device): do not run it again" in said
    assert ('"code": "output_lost"' in said) is ("--json" in words)
    assert code == 11
    assert program.json("license", "summary")["total"] == 1


@pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")
def test_what_only_reads_does_not_speak_of_a_change(tmp_path: Path) -> None:
    shop_with_a_tier(tmp_path)
    with FULL.open("wb") as full:
        code, said = told(tmp_path, "policy", "list", "widget", stdout=full.fileno())
    why = "only its output could not be written (No space left on device)"
    assert (code, said) == (11, f"keysat: it was done, {why}\n")


@pytest.mark.parametrize("words", [("verify",), ("audit", "verify")], ids=" ".join)
def test_a_database_in_a_folder_that_may_not_be_searched_is_unusable(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    # Loads what the command needs while it may be read.
    Program(folder=tmp_path).run(*words, "gone.db")
    with as_nobody() as folder:
        (folder / "closed").mkdir(mode=0o600)
        code, said = Program(folder=folder).refusal(*words, "closed/keysat.db")
    assert (code, said["code"]) == (7, "store_unavailable")
    assert "cannot be looked at: Permission denied" in said["message"]


@pytest.mark.parametrize(("path", "exit_code"), [("", 2), (".", 2), ("x" * 300, 7), ("gone.db", 7)])
def test_a_path_that_names_no_database_is_refused(
    path: str, exit_code: int, tmp_path: Path
) -> None:
    assert Program(folder=tmp_path).refusal("audit", "verify", path)[0] == exit_code
