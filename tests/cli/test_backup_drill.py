"""The drills of the operator's handbook, typed as they stand there."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from tests.support.left_out import need_programs
from tests.support.live_server import free_port, live_server
from tests.support.program import clean_environment, shop_with_a_tier
from tests.support.tree import ROOT

PROGRAM = f'#!/bin/sh\nexec "{sys.executable}" -m keysat_cli "$@"\n'


def drill(heading: str) -> str:
    page = (ROOT / "docs" / "backups.md").read_text(encoding="utf-8")
    chapter = page.split(f"### {heading}\n", maxsplit=1)[1]
    return chapter.split("```", maxsplit=2)[1].partition("\n")[2]


@pytest.fixture
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program as it is installed."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "keysat"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return folder


def typed(script: str, folder: Path, programs: Path, **settings: str) -> tuple[int, str, str]:
    environment = clean_environment(**settings)
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    with subprocess.Popen(  # noqa: S603  the words are the handbook's
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said, complained = shell.communicate(timeout=100)
        finally:
            # A script that stops half-way leaves its server.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    return shell.returncode, said, complained


def test_the_drill_ends_with_the_shops_own_numbers(tmp_path: Path, programs: Path) -> None:
    program = shop_with_a_tier(tmp_path)
    program.text("license", "issue", "widget/pro")
    script = drill("The drill").replace("keysat license summary", "keysat license summary --json")
    assert script.count("keysat ") == 5
    with live_server(tmp_path):
        code, said, complained = typed(script, tmp_path, programs, **program.settings)
        assert code == 0, complained
        summary = msgspec.json.decode(said[said.rindex("\n{\n") :])
        assert summary == program.json("license", "summary")
    assert summary["total"] == 1
    assert not (tmp_path / "drill").exists()


def test_a_shop_that_was_lost_comes_back_in_its_place_and_elsewhere(
    tmp_path: Path, programs: Path
) -> None:
    need_programs("curl")
    script = drill("The drill with a loss")
    assert script.count("keysat restore usb/") == 2
    # Somebody else may have the handbook's port.
    code, said, complained = typed(script.replace("8899", str(free_port())), tmp_path, programs)
    assert code == 0, f"{said}\n{complained}"
    assert said.count("LIC1-") >= 2
    assert '"ok":true' in said.splitlines()[-1]
    assert not (tmp_path / "practice").exists()
