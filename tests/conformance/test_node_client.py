"""The protocol from Node's side, with nothing but its own library: the check by hand and the sale.

Source: public-api 17. Left out with a message where there is no Node (see the Makefile).
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.live_server import LiveServer
from tests.support.page_code import write_files
from tests.support.tree import ROOT

HERE: Final = Path(__file__).parent
VECTORS: Final = ROOT / "schema" / "vectors"
NODE: Final = shutil.which("node") or "node"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the two pages."""
    folder = tmp_path_factory.mktemp("node")
    write_files(folder, "docs/integrate/by-hand.md", "javascript")
    write_files(folder, "docs/integrate/typescript.md", "javascript")
    return folder


def passed(folder: Path, *words: str | Path) -> int:
    """Run a file of tests by Node; all must pass. Give how many there were."""
    done = subprocess.run(  # noqa: S603  our own files
        [NODE, "--test-reporter=tap", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    counts = {
        name: int(number)
        for name, number in re.findall(r"^# (\w+) (\d+)$", done.stdout, re.MULTILINE)
    }
    assert done.returncode == 0, done.stdout + done.stderr
    assert counts["pass"] == counts["tests"]
    return counts["pass"]


def test_the_check_by_hand_agrees_with_every_vector(pages: Path) -> None:
    lifecycles = json.loads((VECTORS / "lic1-lifecycles.json").read_text("utf-8"))
    ran = passed(pages, HERE / "by_hand.mjs", pages / "keysat-key.mjs", VECTORS)
    # Six keys are each looked at in at least four ways; every bad one once, and six spellings.
    assert ran >= 6 * 4 + len(lifecycles["rejected"]) + 6 + 1


def test_the_tests_of_the_page_pass(pages: Path) -> None:
    written = (pages / "licensing.test.mjs").read_text("utf-8").count("\ntest(")
    assert passed(pages, "licensing.test.mjs") == written >= 3


def test_a_whole_sale_over_http(pages: Path, server: LiveServer, tmp_path: Path) -> None:
    flow = HERE / "http_flow.mjs"
    written = flow.read_text("utf-8").count("\ntest(")
    assert passed(pages, flow, pages / "licensing.mjs", server.url, tmp_path) == written >= 15
