"""What the pages have somebody type is typed, page by page, and prints what they say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.docs.pages import Page, every_page
from tests.support.docs.shell_pages import as_printed, is_run, keysat_on_path, run_page
from tests.support.left_out import need_programs

TOOLS: Final = ("curl", "jq")
PAGES: Final = [page for page in every_page() if any(map(is_run, page.blocks))]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    need_programs(*TOOLS)
    with keysat_on_path(tmp_path_factory.mktemp("programs")) as folder:
        yield folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_lines_of_a_page_do_what_it_says(page: Page, tmp_path: Path, programs: Path) -> None:
    ran = run_page(page, tmp_path, programs)
    everything = "\n".join(ran.printed.values()) + ran.said
    assert ran.exit_code == 0, f"{page.name}: {everything[-4_000:]}"
    before: int | None = None
    for block in page.blocks:
        if is_run(block):
            before = block.line
        elif block.remark is not None and block.remark.word == "prints":
            assert before is not None, f"{block.place}: nothing was run before"
            assert is_like(ran.printed[before], as_printed(block)), (
                f"{block.place}: printed was\n{ran.printed[before]}"
            )


def is_like(printed: str, shown: str) -> bool:
    """Compare line by line; ``…`` stands for anything within a line, and alone for any lines.

    JSON is shown on several lines when it is printed on one.
    """
    if shown.startswith(("{", "[")):
        shown, printed = (re.sub(r"\n *", "", text) for text in (shown, printed))
    lines = [re.escape(line.rstrip()).replace("…", ".*") for line in shown.splitlines()]
    pattern = "".join("(?:.*\n)*" if line == ".*" else f"{line} *\n" for line in lines)
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None


def page_of(*lines: str) -> Page:
    return Page(name="docs/x.md", text="\n".join(["# Title", *lines]) + "\n")


def test_a_line_that_fails_is_named_as_it_stands_on_the_page(
    tmp_path: Path, programs: Path
) -> None:
    page = page_of("", "```sh", "true", "keysat key verify nothing", "```")
    ran = run_page(page, tmp_path, programs)
    assert ran.exit_code != 0
    assert "line 5 ended with " in ran.said


def test_remarks_are_run_and_fill_in_what_the_reader_fills_in(
    tmp_path: Path, programs: Path
) -> None:
    page = page_of("<!-- docs: run: LICENSE_ID='a b' -->", "```sh", "echo LICENSE_ID", "```")
    ran = run_page(page, tmp_path, programs)
    assert (ran.exit_code, ran.printed) == (0, {3: "a b\n"})


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("a 1\nb\n", "a …\nb\n"),
        ("a\nx\ny\nb\n", "a\n…\nb\n"),
        ('{"a":1,"b":2}', '{"a":1,\n "b":…}'),
    ],
)
def test_what_a_page_leaves_out_may_be_anything(printed: str, shown: str) -> None:
    assert is_like(printed, shown)


@pytest.mark.parametrize(
    ("printed", "shown"), [("a\n", "a\nb\n"), ("a\nb\n", "a\n"), ("a.c\n", "abc\n")]
)
def test_what_a_page_says_is_compared_whole(printed: str, shown: str) -> None:
    assert not is_like(printed, shown)
