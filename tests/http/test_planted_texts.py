"""Whatever texts a shop is filled with, pages show them as texts: nothing planted comes alive."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin, urlsplit

import pytest

from keysat_http.pages.admin.frame import RUNNING, SELLING
from tests.support.every_page import addresses, is_page, shape_of, template_of, templates
from tests.support.full_shop import FullShop, Texts, fill, plain
from tests.support.http import ADMIN
from tests.support.planted import MARK, planted
from tests.support.shop import running_shop

RAW: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069]"
)
PAGES_MAX: Final = 400
"""Far more states of pages than links lead to; a crawl that goes on has gone astray."""

Shape = Counter[tuple[str, tuple[str, ...]]]


@dataclass(kw_only=True)
class Seen:
    """What a page holds: its elements with the names of their attributes, and what is wrong."""

    status: int = 200
    elements: Shape = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = Seen()
        self._is_in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_in_script = tag == "script"
        self.seen.elements[tag, tuple(sorted(name for name, _ in attrs))] += 1
        for name, value in attrs:
            self._look(tag, name, value or "")
        if tag == "a":
            self.seen.links += [value for name, value in attrs if name == "href" and value]

    def _look(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on") or name == "style":
            self.seen.problems.append(f"<{tag} {name}=…>")
        if name in {"href", "src", "action", "formaction"}:
            scheme = urlsplit(value.strip()).scheme.lower()
            if scheme not in {"", "http", "https", "mailto"}:
                self.seen.problems.append(f"<{tag} {name}={value[:60]!r}>")
        self._look_at_text(value, f"<{tag} {name}>")

    def handle_endtag(self, tag: str) -> None:
        self._is_in_script = False

    def handle_data(self, data: str) -> None:
        if self._is_in_script and data.strip():
            self.seen.problems.append(f"inline script: {data[:80]!r}")
        self._look_at_text(data, "text")
        self.seen.text += data

    def _look_at_text(self, text: str, where: str) -> None:
        if found := RAW.search(text):
            self.seen.problems.append(f"U+{ord(found[0]):04X} in {where}: {text[:80]!r}")


def read(html: str) -> Seen:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.seen


def crawled(shop: FullShop) -> Iterator[tuple[str, Seen]]:
    """Fetch every page, and every state of a page that links lead to, one of a kind."""
    waiting = list(addresses(shop.names))
    known = {shape_of(address) for address in waiting}
    while waiting:
        address = waiting.pop(0)
        answer = shop.request("GET", address, headers=dict(shop.admin_headers))
        if answer.status_code in {302, 303}:
            continue
        assert answer.status_code in {200, 404}, (address, answer.text[:500])
        seen = read(answer.text)
        seen.status = answer.status_code
        yield address, seen
        for link in seen.links:
            there = urljoin(address, link)
            if is_page(there) and shape_of(there) not in known:
                known.add(shape_of(there))
                waiting.append(there)
        assert len(known) < PAGES_MAX, sorted(known)


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, Seen], dict[str, Seen], FullShop]:
    """Every page of an ordinary shop, and of one with something planted in every text."""
    ordinary, _ = walked(plain)
    infested, full = walked(planted)
    return ordinary, infested, full


def walked(texts: Texts) -> tuple[dict[str, Seen], FullShop]:
    with running_shop(delivers_at_once=True, is_rate_limited=False) as running:
        full = FullShop(
            request=running.client.request,
            admin_headers=ADMIN,
            texts=texts,
            pause=partial(running.clock.turn, 1),
        )
        fill(full)
        return {shape_of(address): seen for address, seen in crawled(full)}, full


Both = tuple[dict[str, Seen], dict[str, Seen], FullShop]


def test_texts_were_planted_nearly_everywhere(both: Both) -> None:
    _, _, full = both
    mild = {name: at for name, at in full.taken.items() if at > 2}
    assert len(full.taken) > 35
    assert len(mild) < len(full.taken) / 5, mild


def test_every_link_leads_to_a_page(both: Both) -> None:
    ordinary, _, _ = both
    built = set(templates())
    unbuilt = tuple(
        place.path
        for place in (*SELLING, *RUNNING)
        if {place.path, f"{place.path}/"}.isdisjoint(built)
    )
    dead = {
        shape
        for shape, seen in ordinary.items()
        if seen.status == 404 and template_of(shape) is None
    }
    assert {shape for shape in dead if not shape.startswith(unbuilt or ("-",))} == set()


def test_planted_texts_add_no_element_and_no_attribute_to_any_page(both: Both) -> None:
    ordinary, infested, _ = both
    assert {template_of(shape) for shape in ordinary} >= set(templates())
    more = {
        shape: added
        for shape, seen in infested.items()
        if (added := seen.elements - ordinary[shape].elements)
    }
    assert more == {}
    assert set(infested) == set(ordinary)


def test_no_page_holds_a_script_a_style_or_an_unseen_character(both: Both) -> None:
    _, infested, _ = both
    assert {shape: seen.problems for shape, seen in infested.items() if seen.problems} == {}


def test_planted_texts_are_shown_as_they_were_written(both: Both) -> None:
    _, infested, _ = both
    showing = [shape for shape, seen in infested.items() if f"{MARK}\"'><img src=x" in seen.text]
    assert len(showing) > len(infested) / 2
    assert not [shape for shape, seen in infested.items() if "4267635650" in seen.text]
