"""Every Better of the admin sheet is proved by a test that names its number.

Source: admin-api 8. A test names one in its name (``test_b12_…``), in its docstring ("B-12: …") or by
``@pytest.mark.betters("B-12")``.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.tree import ROOT

BETTERS: Final = frozenset(range(1, 48))
_NAMED: Final = re.compile(r"\bB-(\d\d)\b")
_IN_NAME: Final = re.compile(r"_b(\d\d)(?=_|$)")


def named_in(path: Path) -> Iterator[int]:
    """Give the Betters that the tests of a file name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith(("test_", "Test")):
            continue
        said = [ast.get_docstring(node) or ""]
        said += [
            ast.unparse(one)
            for one in node.decorator_list
            if ast.unparse(one).startswith("pytest.mark.betters(")
        ]
        yield from (int(number) for number in _IN_NAME.findall(node.name))
        for text in said:
            yield from (int(number) for number in _NAMED.findall(text))


def named() -> dict[int, set[str]]:
    """Which files name which Betters."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number in named_in(path):
            found[number].add(path.name)
    for path in sorted((ROOT / "tests" / "contract").glob("store_*.py")):
        for number in named_in(path):
            found[number].add(path.name)
    return dict(found)


def test_every_better_of_the_sheet_is_named_by_a_test() -> None:
    assert sorted(BETTERS - named().keys()) == []


def test_no_test_names_a_better_that_is_not_in_the_sheet() -> None:
    assert sorted(named().keys() - BETTERS) == []
