"""The checksums beside a backup, in the form ``sha256sum -c`` reads.

SQLite notices a damaged page only where it breaks a rule; these notice any bit.
"""

from collections.abc import Iterable
from hashlib import file_digest
from pathlib import Path
from typing import Final

from keysat_core.errors import StoreUnavailable

SUFFIX: Final = ".sha256"

_LIST_CHARS_MAX: Final = 4_096
"""Room for the two files of a backup with the longest names there are."""


def checksum_path(path: Path) -> Path:
    """Give the file that holds the checksums of a backup."""
    return path.with_name(path.name + SUFFIX)


def checksum_line(path: Path, name: str) -> str:
    """Spell the checksum of a file that will bear a name.

    Raises:
        StoreUnavailable: It cannot be read.
    """
    return f"{_digest(path)}  {name}\n"


def listed_names(path: Path) -> set[str]:
    """Give the names of the files whose checksums are beside a backup; none if there are none.

    Raises:
        StoreUnavailable: They cannot be read.
    """
    return {name for _, name in _listed(path) or ()}


def checksum_problems(path: Path, *, leaving_out: Path | None = None) -> list[str] | None:
    """Compare the files of a backup with the checksums beside it; None if there are none.

    Raises:
        StoreUnavailable: They cannot be read.
    """
    listed = _listed(path)
    if listed is None:
        return None
    skipped = leaving_out.name if leaving_out else None
    return list(_differing(path, [each for each in listed if each[1] != skipped]))


def _listed(path: Path) -> list[tuple[str, str]] | None:
    """Give checksums and names; what is no such line is a name without one."""
    try:
        with checksum_path(path).open(encoding="utf-8") as file:
            lines = file.read(_LIST_CHARS_MAX).splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise StoreUnavailable(f"{checksum_path(path)} cannot be read") from exc
    parts = (line.partition("  ") for line in lines)
    return [(digest, name) if name else ("", digest) for digest, _, name in parts]


def _differing(path: Path, listed: Iterable[tuple[str, str]]) -> Iterable[str]:
    names = set()
    for digest, name in listed:
        names.add(name)
        file = path.with_name(name) if name and name == Path(name).name else None
        if file is None or not file.exists():
            yield f"{name} is missing"
        elif _digest(file) != digest:
            yield f"{name} is not what was written when the backup was made"
    if path.name not in names:
        yield f"{checksum_path(path).name} says nothing of {path.name}"


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be read: {exc.strerror}") from exc
