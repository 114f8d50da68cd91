"""Every command of the page about HTTP is run, and answers what the page says."""

import json
import os
import subprocess
from typing import Any, Final

import pytest

from tests.support.live_server import LiveServer
from tests.support.page_code import Block, blocks_on

PAGE: Final = "docs/integrate/curl.md"
MARK: Final = "-- end of block --"


def fits(said: Any, shown: Any) -> bool:
    """Whether an answer is the one that is shown, where ``…`` stands for any text."""
    if isinstance(shown, dict):
        return (
            isinstance(said, dict)
            and said.keys() == shown.keys()
            and all(fits(said[key], shown[key]) for key in shown)
        )
    if shown == "…":
        return isinstance(said, str) and said != ""
    return type(said) is type(shown) and said == shown


@pytest.fixture(scope="module")
def answers(server: LiveServer) -> list[tuple[Block, str, Block | None]]:
    """Run the commands in one shell; give each block, what it printed, and what stands below it."""
    blocks = list(blocks_on(PAGE))
    commands = [block for block in blocks if block.language == "bash"]
    script = "".join(f"{block.text}\necho; echo '{MARK}'\n" for block in commands)
    done = subprocess.run(  # noqa: S603  the commands are the page's own
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        env=os.environ | {"KEYSAT_URL": server.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout.split(MARK)[:-1]
    below = dict(zip(blocks, [*blocks[1:], None], strict=True))
    return [(one, said, below[one]) for one, said in zip(commands, printed, strict=True)]


def test_every_command_answers_what_the_page_says(
    answers: list[tuple[Block, str, Block | None]],
) -> None:
    compared = 0
    for command, said, shown in answers:
        assert shown is not None, command.line
        assert shown.language == "json", command.line
        assert fits(json.loads(said), json.loads(shown.text)), f"{PAGE}:{shown.line}: {said}"
        compared += 1
    assert compared >= 15


def test_an_answer_that_differs_is_noticed() -> None:
    assert fits({"a": "x", "b": [1]}, {"a": "…", "b": [1]})
    others: list[Any] = [
        {"a": "x"}, {"a": "", "b": [1]}, {"a": "x", "b": [2]}, {"a": None, "b": [1]}, []
    ]  # fmt: skip
    for said in others:
        assert not fits(said, {"a": "…", "b": [1]})
    assert not fits({"a": 1}, {"a": True})
