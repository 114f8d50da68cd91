"""What every command has in common."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from keysat_cli.main import COMMANDS, cli
from tests.support.program import Program, clean_environment


def walk(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from walk(found, (*words, name))


def command_at(words: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    return command


ALL_COMMANDS = sorted(walk(cli))


def test_the_commands_are_those_promised() -> None:
    assert {" ".join(words) for words in ALL_COMMANDS} == {
        "serve", "demo", "migrate", "worker", "doctor", "backup", "backups", "verify", "restore", "import",
        "completion",
        "login", "logout", "logins",
        "schema write", "schema check",
        "product create", "product list", "product show", "product update", "product activate",
        "product deactivate", "product delete",
        "policy create", "policy list", "policy show", "policy update", "policy archive",
        "policy unarchive", "policy activate", "policy deactivate", "policy publish",
        "policy hide", "policy reorder", "policy set-tip", "policy delete",
        "profile create", "profile list", "profile show", "profile update", "profile delete",
        "profile set-default", "profile set-logo", "profile clear-logo",
        "profile prefer", "profile unprefer", "profile providers",
        "license issue", "license list", "license show", "license revoke", "license suspend",
        "license unsuspend", "license summary", "license issue-many", "license key",
        "license recover", "license counts", "tier show", "tier change", "tier quote", "tier history", "tier cancel",
        "license import",
        "export licenses", "export invoices", "export audit", "export codes", "subscription list", "subscription show", "subscription cancel",
        "code create", "code list", "code show", "code update", "code enable", "code disable",
        "code delete", "code preview", "code attribution",
        "machine list", "machine deactivate",
        "key verify", "key inspect", "key public", "key import",
        "self-license show", "self-license activate", "self-license refresh",
        "settings show", "settings set", "db-info", "health", "figures", "search",
        "analytics show", "analytics enable", "analytics disable", "analytics reset",
        "rates pin", "rates refresh", "rates show",
        "tip list", "tip cap",
        "api-key create", "api-key list", "api-key revoke", "password set", "password clear",
        "session list", "session end", "session end-others",
        "audit list", "audit verify",
        "btcpay connect", "btcpay status", "btcpay disconnect", "btcpay methods",
        "zaprite connect", "zaprite status", "zaprite disconnect", "zaprite saved",
        "zaprite charge",
        "invoice list", "invoice show", "invoice settle", "invoice late-payments", "invoice revenue", "reconcile",
        "webhook create", "webhook list", "webhook show", "webhook update", "webhook enable",
        "webhook disable", "webhook delete", "webhook replay", "webhook test", "webhook rotate-secret",
        "delivery list", "delivery show", "delivery retry", "listen",
    }  # fmt: skip


@pytest.mark.parametrize("words", ALL_COMMANDS, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*words, "--help"])
    assert result.exit_code == 0
    assert command_at(words).help
    assert "--json" in result.stdout


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_every_group_explains_itself(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*words, "-h"])
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: keysat")


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    said = {name: command_at((name,)).get_short_help_str(100) for name in COMMANDS}
    assert said == {name: line for name, (_, line) in COMMANDS.items()}


def test_what_destroys_asks_unless_told_yes() -> None:
    asking = {
        " ".join(words)
        for words in ALL_COMMANDS
        if any("--yes" in parameter.opts for parameter in command_at(words).params)
    }
    assert asking == {
        "product delete", "policy delete", "license revoke", "machine deactivate", "restore",
        "zaprite disconnect", "zaprite charge", "btcpay disconnect", "profile delete",
        "invoice settle", "webhook delete", "tier change", "subscription cancel", "code delete",
        "api-key revoke", "password clear", "session end", "session end-others",
    }  # fmt: skip


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["key", "inspect", "x"]])
def test_what_needs_no_server_loads_none(words: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from keysat_cli.main import cli\n"
        "try:\n"
        f"    cli({words!r})\n"
        "except SystemExit: pass\n"
        "print(sorted({'litestar', 'uvicorn', 'httpx'} & set(sys.modules)))\n"
    )
    done = subprocess.run(  # noqa: S603  the words are the test's own
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_packages_own() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert (result.exit_code, result.stdout) == (0, "keysat 0.3.0\n")


def test_nothing_said_is_a_question_answered(tmp_path: Path) -> None:
    assert Program(folder=tmp_path).process("--help").stdout.startswith("Usage: keysat")
    assert Program(folder=tmp_path).process().returncode == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_completes_the_program(shell: str, tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    script = program.text("completion", shell)
    assert "_KEYSAT_COMPLETE" in script
    assert "keysat" in script
    assert program.json("completion", shell) == {
        "shell": shell,
        "script": script.removesuffix("\n"),
    }


def test_the_program_answers_a_shell_that_completes(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    env = clean_environment(
        _KEYSAT_COMPLETE="bash_complete", COMP_WORDS="keysat pro", COMP_CWORD="1"
    )
    done = program.process(env=env)
    assert done.stdout == "plain,product\nplain,profile\n"
