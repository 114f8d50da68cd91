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
PENDING: Final = frozenset(
    {
        1,  # lands with the server's own license: its routes ask for a scope
        2,  # lands with web sessions: only their hash is kept
        5,  # lands with web sessions: they slide up to a cap
        8,  # lands with API keys: actors of every kind in the trail
        9,  # lands with web sessions: allowed headers by name
        11,  # lands with web sessions: insecure cookies by a flag
        29,  # lands with the server's own license: refresh from its source
        33,  # lands with tier caps: counted within the transaction
        37,  # lands with the OpenAPI document: scopes and reasons as they are
        39,  # lands with API keys: their last use, once a minute
        40,  # lands with the import of a signing key
        42,  # lands with community analytics
        45,  # lands with the first start: a profile by the configured name
        47,  # lands with retention settings
    }
)
"""What is being built now. A test that names one takes it from here."""

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
    assert sorted(BETTERS - PENDING - named().keys()) == []


def test_no_test_names_a_better_that_is_not_in_the_sheet() -> None:
    assert sorted(named().keys() - BETTERS) == []


def test_what_a_test_names_is_not_pending_any_more() -> None:
    assert sorted(PENDING & named().keys()) == []
