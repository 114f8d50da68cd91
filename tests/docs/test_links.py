"""No link of a page is dead: files, anchors, pictures; and every page is found from the index."""

import re
from typing import Final

import pytest

from tests.support.docs.pages import Page, every_page, living_pages, page_named
from tests.support.tree import ROOT

OUTSIDE: Final = re.compile(r"[a-z]+:")
NAMED_FILE: Final = re.compile(
    r"(?:docs|tests|schema|packaging|keysat_(?:core|adapters|http|cli))(?:/[\w.-]+)+/?"
)
CLASS_IN_MODULE: Final = re.compile(r"\.[A-Z]\w+$")
PAGES = pytest.mark.parametrize("page", every_page(), ids=lambda page: page.name)


def dead(page: Page, target: str) -> bool:
    """Tell whether nothing is where a link leads."""
    if OUTSIDE.match(target):
        return False
    path, _, anchor = target.partition("#")
    found = (ROOT / page.name).parent / path if path else ROOT / page.name
    if not found.exists():
        return True
    name = found.resolve().relative_to(ROOT).as_posix()
    return bool(anchor) and (not name.endswith(".md") or anchor not in page_named(name).anchors)


@PAGES
def test_every_link_leads_somewhere(page: Page) -> None:
    assert [
        f"{page.name}:{line}: {target}" for line, target in page.links if dead(page, target)
    ] == []


@PAGES
def test_every_link_stays_inside_the_repository(page: Page) -> None:
    """What is published is the repository: a link out of it is dead for everybody else."""
    inside = [target.partition("#")[0] for _, target in page.links if not OUTSIDE.match(target)]
    assert [one for one in inside if one.startswith("/")] == []
    paths = [((ROOT / page.name).parent / one).resolve() for one in inside]
    assert [path for path in paths if not path.is_relative_to(ROOT)] == []


@pytest.mark.parametrize("page", living_pages(), ids=lambda page: page.name)
def test_every_file_a_page_names_is_there(page: Page) -> None:
    named = [
        (line, text)
        for line, text in page.code_spans
        if NAMED_FILE.fullmatch(text) and not CLASS_IN_MODULE.search(text)
    ]
    assert [
        f"{page.name}:{line}: {text}" for line, text in named if not (ROOT / text).exists()
    ] == []


def test_every_page_is_reached_from_the_index() -> None:
    known = {page.name for page in every_page()}
    reached, waiting = set[str](), ["docs/README.md"]
    while waiting:
        page = page_named(waiting.pop())
        reached.add(page.name)
        for _, target in page.links:
            path = target.partition("#")[0]
            if OUTSIDE.match(target) or not path.endswith(".md"):
                continue
            name = ((ROOT / page.name).parent / path).resolve().relative_to(ROOT).as_posix()
            if name in known - reached:
                waiting.append(name)
    assert [page.name for page in living_pages() if page.name not in {*reached, "README.md"}] == []


def test_a_dead_link_is_seen() -> None:
    page = Page(name="docs/x.md", text="[a](gone.md) [b](install.md#gone) [c](#here)\n\n# There\n")
    assert [target for _, target in page.links if dead(page, target)] == [
        "gone.md",
        "install.md#gone",
        "#here",
    ]
