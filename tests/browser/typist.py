"""Somebody who has a keyboard and nothing else."""

from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page

STOPS_MAX: Final = 150
"""More stops than any screen has between its beginning and its end."""

_STOP: Final = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const label = at.labels?.length ? at.labels[0].textContent : "";
  const named = at.getAttribute("aria-labelledby");
  const name = at.getAttribute("aria-label") || label
    || (named && document.getElementById(named)?.textContent) || at.textContent || "";
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {
    name: name.replace(/\\s+/g, " ").trim(),
    isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
      && box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    markup: at.outerHTML.slice(0, 160),
  };
}"""


@dataclass(frozen=True, kw_only=True)
class Typist:
    """Moves by Tab alone; wherever the focus stops, it must be seen."""

    page: Page

    def tab_to(self, name: str, *, backwards: bool = False) -> None:
        """Go on until the focus is on what has a name, or a name that begins so."""
        passed: list[str] = []
        for _ in range(STOPS_MAX):
            self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
            here = self.here()
            passed.append(here)
            if here == name or here.startswith(name + " "):
                return
        raise AssertionError(f"no way by Tab to {name!r}; passed {passed}")

    def here(self) -> str:
        """Give the name of what has the focus, which must be seen to have it."""
        stop = self.page.evaluate(_STOP)
        if stop is None:
            return ""
        assert stop["isSeen"], f"the focus is not seen at {stop['markup']}"
        return str(stop["name"])

    def press(self, *keys: str) -> None:
        """Press one key after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def enter(self, name: str, text: str) -> None:
        """Go to a field and type."""
        self.tab_to(name)
        self.page.keyboard.type(text)

    def activate(self, name: str, *, key: str = "Enter") -> None:
        """Go to a link or a button and press it."""
        self.tab_to(name)
        self.page.keyboard.press(key)
