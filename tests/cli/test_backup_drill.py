"""The drill of the operator's handbook, typed as it stands there, beside a live server."""

import subprocess
import sys
from pathlib import Path

import msgspec

from tests.support.live_server import live_server
from tests.support.program import clean_environment, shop_with_a_tier
from tests.support.tree import ROOT


def drill() -> str:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    chapter = page.split("### The drill", maxsplit=1)[1]
    return chapter.split("```", maxsplit=2)[1]


def test_the_drill_ends_with_the_shops_own_numbers(tmp_path: Path) -> None:
    program = shop_with_a_tier(tmp_path)
    program.text("license", "issue", "widget/pro")
    script = drill().replace("keysat license summary", "keysat license summary --json")
    assert script.count("keysat ") == 5
    function = f'keysat() {{ "{sys.executable}" -m keysat_cli "$@"; }}\n'
    with live_server(tmp_path):
        done = subprocess.run(  # noqa: S603  the words are the handbook's
            ["/bin/bash", "-euo", "pipefail", "-c", function + script],
            cwd=tmp_path,
            env=clean_environment(**program.settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        summary = msgspec.json.decode(done.stdout[done.stdout.rindex("\n{\n") :])
        assert summary == program.json("license", "summary")
    assert summary["total"] == 1
    assert not (tmp_path / "drill").exists()
