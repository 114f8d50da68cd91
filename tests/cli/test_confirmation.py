"""What cannot be undone is asked for, on a terminal; without one it is never waited for."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import Program, clean_environment, shop_with_a_tier


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


@pytest.mark.parametrize(
    "words",
    [
        ("product", "delete", "widget"),
        ("policy", "delete", "widget/pro"),
        ("machine", "deactivate", "00000000-0000-4000-8000-000000000000"),
    ],
)
def test_without_a_terminal_nothing_is_asked(words: tuple[str, ...], tmp_path: Path) -> None:
    program = shop_with_a_tier(tmp_path)
    code, said = program.refusal(*words)
    assert code == 2
    assert "--yes" in said["message"]
    assert program.process(*words).returncode == 2
    assert program.json("policy", "show", "widget/pro")["slug"] == "pro"


def test_a_yes_is_enough(tmp_path: Path) -> None:
    program = shop_with_a_tier(tmp_path)
    code, asked = on_a_terminal(program, ("product", "delete", "widget"), "y\n")
    assert code == 0
    assert "Delete product 'widget'?" in asked
    assert program.refusal("product", "show", "widget")[0] == 3


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_anything_else_changes_nothing(answer: str, tmp_path: Path) -> None:
    program = shop_with_a_tier(tmp_path)
    issued = program.json("license", "issue", "widget")
    code, said = on_a_terminal(program, ("license", "revoke", issued["license_id"]), answer)
    assert code == 130
    assert "nothing more was done" in said
    assert program.json("license", "show", issued["license_id"])["status"] == "active"


def test_force_is_named_in_the_question(tmp_path: Path) -> None:
    program = shop_with_a_tier(tmp_path)
    _, asked = on_a_terminal(program, ("product", "delete", "widget", "--force"), "n\n")
    assert "everything ever sold" in asked
