"""Every row of the table of payment scenarios has a test, or a reason why it has none yet.

Source: payments 17, rows 1 to 48.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.tree import ROOT

ROWS: Final = frozenset(range(1, 49))

DEFERRED: Final[dict[int, str]] = {}

PARTLY: Final[dict[int, str]] = {}
"""Rows that are covered but for a part, and which."""


def marked_rows(path: Path) -> Iterator[int]:
    """Give the numbers in ``@pytest.mark.rows(...)`` of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if (
                isinstance(decorator, ast.Call)
                and ast.unparse(decorator.func) == "pytest.mark.rows"
            ):
                yield from (ast.literal_eval(argument) for argument in decorator.args)


def covered() -> dict[int, set[str]]:
    """Which files cover which rows."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for row in marked_rows(path):
            found[row].add(path.name)
    return dict(found)


def test_every_row_is_covered_or_deferred_and_none_is_both() -> None:
    rows = covered()
    assert rows.keys() <= ROWS
    assert rows.keys() & DEFERRED.keys() == set()
    assert rows.keys() | DEFERRED.keys() == ROWS
    assert PARTLY.keys() <= rows.keys()
