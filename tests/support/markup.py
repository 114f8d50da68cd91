"""Reads a page as a browser's parser would, and notes what a validator would complain about."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

VOID: Final = frozenset({"meta", "link", "br", "hr", "img", "input"})
NAMED_ELSEWHERE: Final = ("aria-labelledby", "aria-describedby", "for")


@dataclass(kw_only=True)
class Page:
    """What a page holds.

    ``visible`` names the sections that are shown; ``attributes`` are by id, and of ``html``;
    ``scripts`` is inline code; ``references`` are addresses the browser loads by itself.
    """

    text: str = ""
    scripts: str = ""
    visible: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    element_text: dict[str, str] = field(default_factory=dict)
    forms: list[tuple[str, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refreshes: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[tuple[str, str]] = []
        self._named: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        if len(held) != len(attrs):
            self.page.problems.append(f"<{tag}> has an attribute twice")
        self._note(tag, held)
        if tag not in VOID:
            self._open.append((tag, held.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.page.problems.append(f"</{tag}> closes nothing")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if any(tag == "script" for tag, _ in self._open):
            self.page.scripts += data
            return
        self.page.text += data
        for _, id_ in self._open:
            if id_:
                self.page.element_text[id_] = self.page.element_text.get(id_, "") + data

    def finish(self) -> Page:
        if self._open:
            self.page.problems.append(f"never closed: {self._open}")
        missing = [name for name in self._named if name not in self.page.attributes]
        self.page.problems += [f"no element has the id {name}" for name in missing]
        return self.page

    def _note(self, tag: str, held: dict[str, str]) -> None:
        page = self.page
        for name in (tag if tag == "html" else "", held.get("id", "")):
            if name in page.attributes:
                page.problems.append(f"the id {name} is used twice")
            if name:
                page.attributes[name] = held
        self._named += [
            id_ for name in NAMED_ELSEWHERE if name in held for id_ in held[name].split()
        ]
        for name in NAMED_ELSEWHERE:
            self._named += held.get(name, "").split()
        if any(name.startswith("on") or name == "style" for name in held):
            page.problems.append(f"<{tag}> holds a script or a style")
        if "data-when" in held and "hidden" not in held:
            page.visible.append(held["data-when"])
        self._note_by_tag(tag, held)

    def _note_by_tag(self, tag: str, held: dict[str, str]) -> None:
        match tag:
            case "script" | "img":
                self.page.references.append(held.get("src", ""))
            case "link":
                self.page.references.append(held["href"])
            case "form":
                self.page.forms.append((held.get("method", "get"), held.get("action", "")))
            case "a" if "href" in held:
                self.page.links.append(held["href"])
            case "meta" if held.get("http-equiv") == "refresh":
                self.page.refreshes = True
            case _:
                pass


def read_page(html: str) -> Page:
    """Read a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.finish()
