"""``docs/performance.md`` keeps the last result of each benchmark, between two marks."""

import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.support.tree import ROOT

PAGE: Final = ROOT / "docs" / "performance.md"


class Report:
    """What a benchmark says as it goes along, kept at its end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: list[str] = []

    def say(self, line: str) -> None:
        """Print a line and remember it."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        self._lines.append(line.rstrip())

    def keep(self) -> None:
        """Put what was said where the last result stood."""
        _keep(self._name, ["```", *self._lines, "```"], PAGE)


def keep_result(name: str, lines: Sequence[str], *, page: Path = PAGE) -> None:
    """Print a result and put it where the last one of this name stood."""
    sys.stdout.write("\n".join([*lines, ""]))
    _keep(name, lines, page)


def _keep(name: str, lines: Sequence[str], page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- result {name} -->", "<!-- end -->"
    between = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    when = f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}"
    block = "\n".join([begin, *lines, "", f"({when})", end])
    changed, count = between.subn(lambda _: block, text)
    if count != 1:
        raise LookupError(f"{page} has no place for the result {name!r}")
    page.write_text(changed, encoding="utf-8")


def rows(heading: Sequence[str], cells: Sequence[Sequence[object]]) -> list[str]:
    """Spell a Markdown table."""
    lines = [heading, ["---"] * len(heading), *cells]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]
