"""No code on the pages for integrators is left that nobody runs."""

import ast
from typing import Final

from tests.support.integrate_pages import INSTALLS, RUNNERS
from tests.support.page_code import blocks_on
from tests.support.tree import ROOT, shown

PAGES: Final = [shown(path) for path in sorted((ROOT / "docs" / "integrate").glob("*.md"))]


def test_every_block_of_every_page_has_a_test_that_runs_it() -> None:
    assert len(PAGES) >= 6
    written = {(page, block.language) for page in PAGES for block in blocks_on(page)}
    assert {one for one in written if one[1] != INSTALLS} == RUNNERS.keys()


def test_every_test_that_runs_a_page_is_there() -> None:
    for tests in RUNNERS.values():
        for test in tests:
            path, _, name = test.partition("::")
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


def test_install_lines_only_install() -> None:
    lines = [
        line
        for page in PAGES
        for block in blocks_on(page)
        if block.language == INSTALLS
        for line in block.text.splitlines()
    ]
    assert lines
    assert [line for line in lines if not line.startswith(("pip install ", "npm install "))] == []
