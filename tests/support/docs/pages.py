"""The pages of the documentation as tests see them: fences, remarks to the tests, links, anchors.

A remark to the tests is an HTML comment, which readers do not see: ``<!-- docs: WORD … -->``. What
each word means is in ``docs/contributing.md``.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from tests.support.tree import ROOT

_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>\S*)\s*$")
_COMMENT: Final = re.compile(r"^<!--.*?-->", re.DOTALL | re.MULTILINE)
_REMARK: Final = re.compile(
    r"^<!-- docs: (?P<word>\w+):? *(?P<rest>.*?)\s*-->", re.DOTALL | re.MULTILINE
)
_CODE_SPAN: Final = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
_HEADING: Final = re.compile(r"^#{1,6} +(.*?) *$", re.MULTILINE)
_ANCHOR: Final = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")
_OTHERS: Final = {"assets", "node_modules"}
"""Folders of packaging whose Markdown is no page of ours: what a box shows, what others wrote."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What a page tells the tests; ``line`` and ``last`` are those of the comment, from 1 on."""

    line: int
    last: int
    word: str
    rest: str


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block. ``line`` is its opening fence's; ``remark`` stands directly before it."""

    page: "Page" = field(repr=False)
    line: int
    language: str
    text: str
    remark: Remark | None

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """One Markdown file; ``name`` is its path from the top of the repository."""

    name: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def blocks(self) -> list[Block]:
        return list(self._blocks())

    @cached_property
    def remarks(self) -> list[Remark]:
        """What the page tells the tests, outside of its blocks."""
        return [
            Remark(
                line=self._outside_blocks.count("\n", 0, found.start()) + 1,
                last=self._outside_blocks.count("\n", 0, found.end()) + 1,
                word=found["word"],
                rest=found["rest"],
            )
            for found in _REMARK.finditer(self._outside_blocks)
        ]

    @cached_property
    def prose(self) -> str:
        """Everything but blocks and comments, every line where it stands on the page."""
        return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), self._outside_blocks)

    @cached_property
    def code_spans(self) -> list[tuple[int, str]]:
        """The ``code`` in the text, each with its line; line breaks in it are spaces."""
        return [
            (self.prose.count("\n", 0, found.start()) + 1, " ".join(found[2].split()))
            for paragraph in [self.prose]
            for found in _CODE_SPAN.finditer(paragraph)
        ]

    @cached_property
    def links(self) -> list[tuple[int, str]]:
        """The targets of links and pictures, each with its line."""
        prose = _CODE_SPAN.sub(lambda found: "\n" * found[0].count("\n"), self.prose)
        return [
            (prose.count("\n", 0, found.start()) + 1, found[1] or found[2])
            for found in _LINK.finditer(prose)
        ]

    @cached_property
    def anchors(self) -> frozenset[str]:
        """What a link may name behind ``#``, spelled as GitHub does."""
        uses: Counter[str] = Counter()
        names = set(_ANCHOR.findall(self.prose))
        for title in _HEADING.findall(self.prose):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
            slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            names.add(f"{slug}-{uses[slug]}" if uses[slug] else slug)
            uses[slug] += 1
        return frozenset(names)

    @cached_property
    def _outside_blocks(self) -> str:
        lines = list(self.lines)
        for start, end in self._spans:
            lines[start : end + 1] = [""] * (end + 1 - start)
        return "\n".join(lines) + "\n"

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        """The lines of the opening and closing fence of every block, counted from 0."""
        spans, opened, ticks, is_comment = [], None, "", False
        for number, line in enumerate(self.lines):
            fence = _FENCE.match(line)
            if opened is None:
                is_comment = (is_comment or line.startswith("<!--")) and "-->" not in line
                if fence is not None and not is_comment:
                    opened, ticks = number, fence["ticks"]
            elif fence is not None and fence["ticks"] == ticks and not fence["language"]:
                spans.append((opened, number))
                opened = None
        assert opened is None, f"{self.name}:{(opened or 0) + 1}: this block is never closed"
        return spans

    def _blocks(self) -> Iterator[Block]:
        remarks = {remark.last: remark for remark in self.remarks}
        for start, end in self._spans:
            fence = _FENCE.match(self.lines[start])
            assert fence is not None
            indent = len(fence["indent"])
            yield Block(
                page=self,
                line=start + 1,
                language=fence["language"],
                text="".join(f"{line[indent:]}\n" for line in self.lines[start + 1 : end]),
                remark=remarks.get(start) or remarks.get(start - 1),
            )


@cache
def every_page() -> tuple[Page, ...]:
    """Give the pages of the repository, the front page and the changelog too."""
    paths = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
    paths += [
        path
        for path in sorted((ROOT / "packaging").rglob("*.md"))
        if not _OTHERS & set(path.relative_to(ROOT).parts)
    ]
    return tuple(map(_read, paths))


@cache
def living_pages() -> tuple[Page, ...]:
    """Give the pages that speak of the program as it is: all but the changelog and the decisions."""
    return tuple(
        page
        for page in every_page()
        if page.name != "CHANGELOG.md" and not page.name.startswith("docs/decisions/")
    )


def every_block() -> Iterator[Block]:
    for page in every_page():
        yield from page.blocks


def page_named(name: str) -> Page:
    return next(page for page in every_page() if page.name == name)


def _read(path: Path) -> Page:
    return Page(name=path.relative_to(ROOT).as_posix(), text=path.read_text(encoding="utf-8"))
