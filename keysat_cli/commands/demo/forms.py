"""The forms of a page, as a browser would send them."""

from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from typing import TypeAlias

import msgspec

Fields: TypeAlias = Sequence[tuple[str, str]]


class Form(msgspec.Struct, kw_only=True):
    """Where a form leads, what it sends by itself, and what its named buttons add."""

    action: str
    fields: list[tuple[str, str]] = []
    buttons: list[tuple[str, str]] = []

    def pressed(self, value: str) -> Fields | None:
        """Give what is sent when the button with this value is pressed; None without one."""
        button = next((button for button in self.buttons if button[1] == value), None)
        return None if button is None else [*self.fields, button]


def find_form(page: str, is_wanted: Callable[[Form], bool] = lambda _: True) -> Form | None:
    """Give the first wanted form of a page."""
    reader = _FormReader()
    reader.feed(page)
    return next(filter(is_wanted, reader.forms), None)


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or what one holds."""
        said = dict(attrs)
        name, value = said.get("name"), said.get("value") or ""
        if tag == "form":
            self.forms.append(Form(action=said.get("action") or ""))
            self._is_inside = True
        elif not self._is_inside or not name:
            return
        elif tag == "button":
            self.forms[-1].buttons.append((name, value))
        elif tag == "input" and (said.get("type") != "checkbox" or "checked" in said):
            self.forms[-1].fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        """Note where a form ends."""
        if tag == "form":
            self._is_inside = False
