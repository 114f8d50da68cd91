"""What cannot be undone is asked for, on a terminal; without one it is never waited for."""

from pathlib import Path

import pytest

from tests.support.program import on_a_terminal, shop_with_a_tier


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
