"""Where things are in this repository, for tests about the repository itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("keysat_core", "keysat_adapters", "keysat_http", "keysat_cli")


def python_files(*folders: str) -> Iterator[Path]:
    """Yield the Python files below these top-level folders, in a stable order."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def shown(path: Path) -> str:
    """Return the path as a person would name it."""
    return path.relative_to(ROOT).as_posix()
