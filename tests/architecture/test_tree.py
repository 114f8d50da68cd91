"""The shape of the tree: what may lie where, how large, and under which name."""

import ast
import importlib
import pkgutil
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Final

import keysat_core
from keysat_core.errors import KeysatError
from tests.support.tree import PACKAGES, ROOT, python_files, shown

TOP_LEVEL: Final = {
    *PACKAGES,
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "docs",
    "packaging",
    "pyproject.toml",
    "schema",
    "tests",
}
# Made by running things, and ignored by git.
MADE_BY_RUNNING: Final = {
    *("__pycache__", "build", "data", "dist", "htmlcov"),
    *("keysat_aarch64.s9pk", "keysat_x86_64.s9pk"),
}
VAGUE_NAMES: Final = {
    "base",
    "common",
    "helper",
    "helpers",
    "manager",
    "service",
    "services",
    "utils",
}
# A table of constants, each with its reason: one place to look is worth more than a short file.
LONG_TABLES: Final = {"keysat_core/limits.py", "keysat_core/testing/strategies/__init__.py"}
RE_EXPORTING: Final = {
    "keysat_core/domain/events/__init__.py",
    "keysat_core/errors/__init__.py",
    "keysat_core/ports/store/__init__.py",
    "keysat_core/signing/__init__.py",
    "keysat_core/testing/__init__.py",
    "keysat_core/testing/strategies/__init__.py",
}
"""What other programs import by a name that stays when the code behind it is divided anew."""
MODULE_LINES_MAX: Final = 400
TEST_LINES_MAX: Final = 500


def lines_in(text: str) -> int:
    return len(text.splitlines())


def error_leaves() -> Iterator[type[KeysatError]]:
    for module in pkgutil.walk_packages(keysat_core.__path__, "keysat_core."):
        importlib.import_module(module.name)
    pending: list[type[KeysatError]] = [KeysatError]
    while pending:
        error = pending.pop()
        below = [kind for kind in error.__subclasses__() if kind.__module__.startswith("keysat_")]
        pending += below
        if not below:
            yield error


def test_the_top_level_holds_only_what_belongs_there() -> None:
    strangers = {
        entry.name
        for entry in ROOT.iterdir()
        if not entry.name.startswith(".") and entry.suffix not in {".lock", ".egg-info"}
    }
    assert strangers - TOP_LEVEL - MADE_BY_RUNNING == set()


def test_no_module_is_too_long() -> None:
    too_long = [
        shown(path)
        for folders, maximum in ((PACKAGES, MODULE_LINES_MAX), (("tests",), TEST_LINES_MAX))
        for path in python_files(*folders)
        if shown(path) not in LONG_TABLES and lines_in(path.read_text(encoding="utf-8")) > maximum
    ]
    assert too_long == []


def test_a_package_file_holds_only_a_docstring() -> None:
    with_code = [
        shown(path)
        for path in python_files(*PACKAGES)
        if path.name == "__init__.py"
        and shown(path) not in RE_EXPORTING
        and not is_only_a_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert with_code == []


def test_a_package_file_with_code_only_re_exports() -> None:
    for name in sorted(RE_EXPORTING):
        module = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        docstring, *imports, exported = module.body
        assert isinstance(docstring, ast.Expr)
        assert {type(node) for node in imports} == {ast.ImportFrom}
        assert isinstance(exported, ast.Assign)
        assert ast.unparse(exported.targets[0]) == "__all__"


def is_only_a_docstring(module: ast.Module) -> bool:
    return not module.body or (len(module.body) == 1 and ast.get_docstring(module) is not None)


def test_every_product_folder_is_a_package() -> None:
    bare = {
        shown(path.parent)
        for path in python_files(*PACKAGES)
        if not (path.parent / "__init__.py").exists()
    }
    assert bare == set()


def test_folders_that_are_no_packages_stay_so() -> None:
    assert [
        shown(p) for p in python_files("packaging", "schema", "tests") if p.stem == "__init__"
    ] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [
        shown(path)
        for path in python_files(*PACKAGES, "tests")
        for part in path.relative_to(ROOT).with_suffix("").parts
        if VAGUE_NAMES & set(part.split("_"))
    ]
    assert vague == []


def test_every_error_leaf_has_a_snake_case_code_of_its_own() -> None:
    leaves = list(error_leaves())
    assert len(leaves) > 1
    inherited = [leaf.__qualname__ for leaf in leaves if "code" not in vars(leaf)]
    misspelt = [leaf.code for leaf in leaves if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", leaf.code)]
    shared = [code for code, uses in Counter(leaf.code for leaf in leaves).items() if uses > 1]
    assert (inherited, misspelt, shared) == ([], [], [])


def test_every_adapter_that_must_stand_alone_is_under_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {c["id"]: c for c in settings["tool"]["importlinter"]["contracts"]}
    built = {
        f"keysat_adapters.{name}"
        for name in ("sqlite", "sandbox", "btcpay", "zaprite")
        if (ROOT / "keysat_adapters" / name / "__init__.py").exists()
    }
    assert set(contracts["adapters-independent"]["modules"]) == built
