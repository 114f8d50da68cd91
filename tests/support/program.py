"""The ``keysat`` program under test: in this process for speed, or in one of its own."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from click.testing import CliRunner, Result

from keysat_cli.main import cli
from tests.support.tree import ROOT

ADMIN_KEY: Final = "an-admin-key-of-more-than-32-bytes"
OWN_PREFIXES: Final = ("KEYSAT_", "LICENSING_", "BTCPAY_", "_KEYSAT_")


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without any setting of Keysat's but these."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(OWN_PREFIXES)}
    return kept | {"PYTHONPATH": str(ROOT)} | variables


@dataclass(frozen=True, kw_only=True)
class Program:
    """Runs commands on the database of a folder."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def db_path(self) -> Path:
        return self.folder / "keysat.db"

    @property
    def settings(self) -> dict[str, str]:
        return {"KEYSAT_DB_PATH": str(self.db_path)} | self.variables

    def run(self, *words: str, stdin: str = "") -> Result:
        """Run a command in this process."""
        settings: dict[str, str | None] = dict.fromkeys(
            name for name in os.environ if name.startswith(OWN_PREFIXES)
        )
        settings |= self.settings
        with chdir(self.folder):
            return CliRunner().invoke(cli, list(words), input=stdin, env=settings)

    def text(self, *words: str, stdin: str = "") -> str:
        """Run a command that must succeed and give what it printed."""
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str, stdin: str = "") -> Any:
        """Like ``text``, with ``--json``."""
        return msgspec.json.decode(self.text(*words, "--json", stdin=stdin))

    def refusal(self, *words: str) -> tuple[int, Any]:
        """Run a command that must fail; give its exit code and its JSON envelope."""
        result = self.run(*words, "--json")
        assert result.exit_code != 0, result.output
        assert result.stdout == ""
        return result.exit_code, msgspec.json.decode(result.stderr)

    def process(
        self,
        *words: str,
        stdin: str | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own."""
        return subprocess.run(  # noqa: S603  the words are the test's own
            [sys.executable, "-m", "keysat_cli", *words],
            cwd=cwd or self.folder,
            env=clean_environment(**self.settings) if env is None else dict(env),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def on_a_terminal(program: Program, words: tuple[str, ...], answer: str) -> tuple[int, str]:
    """Run a command whose stdin is a terminal at which somebody types the answer."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        done = subprocess.run(  # noqa: S603  the words are the test's own
            [sys.executable, "-m", "keysat_cli", *words],
            cwd=program.folder,
            env=clean_environment(**program.settings),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stderr


def shop_with_a_tier(folder: Path) -> Program:
    """A database with the product ``widget`` and its tier ``pro``."""
    program = Program(folder=folder)
    program.text("product", "create", "widget", "--name", "Widget", "--price-value", "25000")
    program.text(
        "policy", "create", "widget/pro", "--name", "Pro", "--entitlement", "sync",
        "--duration-seconds", "365d", "--max-machines", "3",
    )  # fmt: skip
    return program
