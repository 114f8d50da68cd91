"""The Go of the pages for integrators, compiled and run with nothing but its standard library.

Left out with a message where there is no Go (see the Makefile).
"""

import os
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
GO: Final = shutil.which("go") or "go"


@pytest.mark.timeout(600)
def test_the_go_of_the_pages_checks_keys_and_lives_through_a_sale(
    server: LiveServer, tmp_path: Path
) -> None:
    (tmp_path / "go.mod").write_text("module app\n\ngo 1.21\n")
    write_files(tmp_path, "docs/integrate/by-hand.md", "go")
    write_files(tmp_path, "docs/integrate/go.md", "go")
    shutil.copy(HERE / "flow_test.go", tmp_path / "keysat")
    sources = list((tmp_path / "keysat").glob("*.go"))
    done = subprocess.run(  # noqa: S603  our own page
        [GO, "test", "-vet=off", "-count=1", "-v", "./..."],
        cwd=tmp_path,
        env=os.environ
        | {
            # Nothing is in the cache of a new machine: compile as little as possible, fast.
            "CGO_ENABLED": "0",
            "GOGC": "off",
            "GOFLAGS": "-mod=mod",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "KEYSAT_URL": server.url,
            "KEYSAT_VECTORS": str(ROOT / "schema" / "vectors" / "lic1-lifecycles.json"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = sum(
        len(re.findall(r"^func Test", path.read_text(), re.MULTILINE)) for path in sources
    )
    assert done.stdout.count("--- PASS: Test") == written == 4
