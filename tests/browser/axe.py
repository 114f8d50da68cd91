"""axe-core, which judges a page by the rules of WCAG. The file in ``vendor`` is npm's axe-core 4.14.1."""

from pathlib import Path
from typing import Final

from playwright.sync_api import Page

TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""WCAG 2.2 AA, and what its makers advise besides."""

_SOURCE: Final = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
_RUN: Final = """async (tags) => {
  const found = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  return found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}"""


def violations(page: Page) -> list[str]:
    """Say what is wrong with what a page shows now, one line for each place."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(_SOURCE)
    found: list[str] = page.evaluate(_RUN, TAGS)
    return found
