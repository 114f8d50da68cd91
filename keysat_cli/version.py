"""The package's own version (decisions 27)."""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[1]
"""The folder above the packages: the root of the repository when run from a checkout."""


@cache
def package_version() -> str:
    """Give the version of the installed package, else that of the checkout it runs from."""
    try:
        return version("keysat")
    except PackageNotFoundError:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["version"])
