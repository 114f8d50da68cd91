"""Every defect of the earlier server has a test that names it.

Source: lifecycles 15. A test names one in its name (``test_d6_…``), in its docstring ("D6: …") or by
``@pytest.mark.defects("D6")``.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.tree import ROOT

DEFECTS: Final = frozenset(range(1, 52)) - {41}
"""The register has no 41."""

_NAMED: Final = re.compile(r"\bD(\d+)\b")
_IN_NAME: Final = re.compile(r"_d(\d+)(?=_|$)")


def named_in(path: Path) -> Iterator[int]:
    """Give the defects that the tests of a file name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith(("test_", "Test")) and not _is_machine(node):
            continue
        said = [ast.get_docstring(node) or ""]
        said += [
            ast.unparse(one)
            for one in node.decorator_list
            if ast.unparse(one).startswith("pytest.mark.defects(")
        ]
        yield from (int(number) for number in _IN_NAME.findall(node.name))
        for text in said:
            yield from (int(number) for number in _NAMED.findall(text))


def _is_machine(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """A state machine's rules are its tests."""
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return any("RuleBasedStateMachine" in ast.unparse(base) for base in bases)


def named() -> dict[int, set[str]]:
    """Which files name which defects."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for number in named_in(path):
            found[number].add(path.name)
    return dict(found)


def test_every_defect_of_the_register_is_named_by_a_test() -> None:
    assert sorted(DEFECTS - named().keys()) == []


def test_no_test_names_a_defect_that_is_not_in_the_register() -> None:
    assert sorted(named().keys() - DEFECTS) == []
