"""What the core may import. import-linter has no allow-list for outside packages; this is it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.tree import python_files, shown

# Parts of the standard library that compute and touch nothing outside the process.
PURE: Final = frozenset(
    {
        "base64",
        "binascii",
        "collections",
        "contextlib",
        "csv",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "hmac",
        "ipaddress",
        "itertools",
        "math",
        "operator",
        "re",
        "string",
        "struct",
        "types",
        "typing",
        "unicodedata",
        "urllib.parse",
    }
)
EVERYWHERE: Final = PURE | {"keysat_core", "msgspec"}
# What one part of the core may import besides.
BESIDES: Final = {
    "keysat_core/signing/": frozenset({"nacl"}),
    # The composition root is found by its entry point, and use cases by what they ask for.
    "keysat_core/testing/": frozenset({"hypothesis", "importlib.metadata", "inspect"}),
}


def imported_modules(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def allowed_in(path: Path) -> frozenset[str]:
    for folder, extra in BESIDES.items():
        if shown(path).startswith(folder):
            return EVERYWHERE | extra
    return EVERYWHERE


def is_allowed(module: str, allowed: frozenset[str]) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:depth]) in allowed for depth in range(1, len(parts) + 1))


def test_the_core_imports_only_what_is_pure() -> None:
    files = list(python_files("keysat_core"))
    assert files
    strangers = [
        f"{shown(path)} imports {module}"
        for path in files
        for module in imported_modules(path.read_text(encoding="utf-8"))
        if not is_allowed(module, allowed_in(path))
    ]
    assert strangers == []


def test_every_kind_of_import_is_seen() -> None:
    source = "import os.path as p\ndef f():\n    from secrets import token_hex\nfrom . import x\n"
    assert set(imported_modules(source)) == {"os.path", "secrets", "."}


def test_a_pure_submodule_does_not_admit_its_siblings() -> None:
    assert is_allowed("urllib.parse", EVERYWHERE)
    assert is_allowed("collections.abc", EVERYWHERE)
    assert not is_allowed("urllib.request", EVERYWHERE)
    assert not is_allowed("nacl.signing", EVERYWHERE)
    assert not is_allowed(".", EVERYWHERE)
