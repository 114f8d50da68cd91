"""Where a page leads: by its links, and by its forms that only ask."""

from html.parser import HTMLParser


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag == "a" and (href := held.get("href")):
            self.found.append(href)
        if tag == "form" and held.get("method") == "get" and (action := held.get("action")):
            self.found.append(action)


def links_of(html: str) -> list[str]:
    """Give the addresses a page leads to."""
    reader = _Links()
    reader.feed(html)
    return reader.found
