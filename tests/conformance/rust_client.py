"""The Rust of the pages for integrators, with the SDK on crates.io: run by ``make integrate-check``.

Not collected with the other tests, because cargo fetches and compiles a hundred crates for it.
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
CARGO: Final = shutil.which("cargo") or "cargo"


@pytest.mark.timeout(1200)
def test_the_rust_of_its_page_lives_through_a_sale(server: LiveServer, tmp_path: Path) -> None:
    write_files(tmp_path, "docs/integrate/rust.md", "toml")
    (source,) = write_files(tmp_path, "docs/integrate/rust.md", "rust")
    (tmp_path / "tests").mkdir()
    shutil.copy(HERE / "flow.rs", tmp_path / "tests")
    done = subprocess.run(  # noqa: S603  our own page
        [CARGO, "test", "--quiet"],
        cwd=tmp_path,
        env=os.environ
        | {
            # What was compiled is kept for the next time; build/ is ignored by git.
            "CARGO_TARGET_DIR": str(ROOT / "build" / "integrate-check"),
            "KEYSAT_URL": server.url,
            "KEYSAT_PRODUCT_ID": server.ask("GET", "/v1/products/widget").json()["id"],
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr, done.stderr
    written = len(re.findall(r"#\[(?:tokio::)?test\]", source.read_text())) + 1
    passed = sum(int(count) for count in re.findall(r"ok\. (\d+) passed", done.stdout))
    assert passed == written == 3
