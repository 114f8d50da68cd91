"""Who runs or checks the blocks of which language, on which pages. A language without one is refused.

To show code of a new language, or Python on a new page, write a test that runs it and add its row.
"""

from collections.abc import Mapping
from typing import Final

from tests.support.integrate_pages import RUNNERS as FOR_INTEGRATORS

CHECKED_HERE: Final = frozenset(
    {"caddy", "console", "csv", "dockerfile", "env", "html", "http", "ini", "json", "mermaid",
     "nginx", "text", "toml", "yaml"}
)  # fmt: skip
"""What ``tests/docs/test_blocks.py`` reads, compares or parses."""

RUN_HERE: Final = "sh"
"""What ``tests/docs/test_pages_run.py`` runs."""

RUNNERS: Final[Mapping[tuple[str, str], str]] = {
    row: tests[0].partition("::")[0] for row, tests in FOR_INTEGRATORS.items()
} | {
    ("README.md", "python"): "tests/embedding/test_documented_code.py",
    ("docs/agents.md", "python"): "tests/embedding/test_agents_page.py",
    ("docs/backups.md", "bash"): "tests/cli/test_backup_drill.py",
    ("docs/doubles.md", "python"): "tests/embedding/test_doubles_page.py",
    ("docs/embedding.md", "python"): "tests/embedding/test_documented_code.py",
    ("docs/testing.md", "python"): "tests/embedding/test_documented_code.py",
    ("docs/webhooks.md", "python"): "tests/embedding/test_webhook_page.py",
}
"""The test that runs the blocks of a language on a page."""


if __name__ == "__main__":
    # For make docs-check: those that make test runs, too, because the others need a registry.
    print(*sorted(one for one in set(RUNNERS.values()) if "/test_" in one))  # noqa: T201
