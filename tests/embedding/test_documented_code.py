"""The Python on the pages for embedders is run, each page as one program with the page's lines."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.program import clean_environment
from tests.support.tree import ROOT

README_NEEDS: Final = """
from keysat_core.testing.strategies import signed_text, wire_bytes
from keysat_core.signing import LicensePayload, SigningKey

signer, now, fingerprint = SigningKey.from_seed(bytes(32)), 1_800_000_000, "here"
PEM = signer.verify_key.to_pem()
payload = LicensePayload(version=2, flags=0, product_id=f"{0:08}-0000-4000-8000-{0:012}",
    license_id=f"{1:08}-0000-4000-8000-{0:012}", issued_at=now, expires_at=0,
    fingerprint_hash=bytes(32), entitlements=("pro",))
key = signed_text(wire_bytes(payload), signer)
"""
"""What the short snippet of the front page takes for granted."""


OFFLINE: Final = {
    "docs/embedding.md": "## Running the use cases with your own ports",
    "docs/testing.md": "## A shop in memory",
}
"""Up to which heading a page needs no more than the bare package."""

WITHOUT_THE_SERVER: Final = """\
import sys; sys.modules |= dict.fromkeys(["apsw", "keysat_adapters", "keysat_http", "keysat_cli"])
"""


def python_on(page: str, *, until: str | None = None) -> str:
    """Give a page's Python; every line stands where it stands on the page, as tracebacks show."""
    lines, is_code = [], False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        if line == until:
            break
        if line.startswith("```"):
            is_code = line == "```python"
            lines.append("")
        else:
            lines.append(line if is_code else "")
    return "\n".join(lines) + "\n"


def promises(source: str) -> list[str]:
    """What comments behind ``print`` say will be printed."""
    return re.findall(r"^ *print\(.*\)  # (.*)$", source, flags=re.MULTILINE)


def run(program: str, folder: Path, *words: str) -> list[str]:
    """Run a page's program in a process of its own; it must succeed."""
    path = folder / "test_page.py"
    path.write_text(program, encoding="utf-8")
    done = subprocess.run(  # noqa: S603  our own interpreter and our own pages
        [sys.executable, "-W", "error", *words, str(path)],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_code_on_the_page_for_embedders_prints_what_it_says(tmp_path: Path) -> None:
    source = python_on("docs/embedding.md")
    printed = run(source, tmp_path)
    assert len(promises(source)) > 5
    assert [line for line in printed if line in promises(source)] == promises(source)


def test_the_tests_on_the_page_about_testing_pass(tmp_path: Path) -> None:
    source = python_on("docs/testing.md")
    written = source.count("\ndef test_")
    *_, summary = run(source, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    passed = int(summary.split()[0])
    assert written > 9
    assert passed >= written, summary


@pytest.mark.parametrize("page", OFFLINE)
def test_the_offline_part_of_a_page_needs_no_server(page: str, tmp_path: Path) -> None:
    """The tests on a page are only defined here; that they pass is seen above."""
    source = python_on(page, until=OFFLINE[page])
    assert source != python_on(page)
    run(WITHOUT_THE_SERVER + source, tmp_path)


def test_the_snippet_on_the_front_page_runs(tmp_path: Path) -> None:
    source = python_on("README.md")
    assert "verify(" in source
    run(README_NEEDS + source, tmp_path)


def test_a_page_that_is_wrong_is_found_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"line 3, in <module>"):
        run("\n\nraise SystemError\n", tmp_path)
