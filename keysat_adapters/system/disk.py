"""Files and the file system as the doctor sees them. Nothing is opened and nothing made."""

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from keysat_core.domain.file_diagnosis import DiskSpace
from keysat_core.errors import StoreUnavailable


def disk_space(folder: Path, *, backup_bytes: int) -> DiskSpace:
    """Measure the file system of a folder, as far as this user may fill it.

    Raises:
        StoreUnavailable: The folder cannot be looked at.
    """
    try:
        usage = shutil.disk_usage(folder)
    except OSError as exc:
        raise StoreUnavailable(f"{folder} cannot be looked at: {exc.strerror}") from exc
    return DiskSpace(free_bytes=usage.free, total_bytes=usage.total, backup_bytes=backup_bytes)


def sizes_of(paths: Iterable[Path]) -> dict[str, int]:
    """Give the sizes in bytes of those files that are there, by name.

    Raises:
        StoreUnavailable: A file is there but cannot be looked at.
    """
    return {path.name: size for path, (size, _) in _looked_at(paths).items()}


def modes_of(paths: Iterable[Path]) -> dict[str, int]:
    """Give the permissions of those files that are there, by path.

    Raises:
        StoreUnavailable: A file is there but cannot be looked at.
    """
    return {str(path): mode for path, (_, mode) in _looked_at(paths).items()}


def unwritable_of(paths: Iterable[Path]) -> list[str]:
    """Give those files that are there but that this user may not write.

    Raises:
        StoreUnavailable: A file is there but cannot be looked at.
    """
    return [str(path) for path in _looked_at(paths) if not _may_write(path)]


def _may_write(path: Path) -> bool:
    """Tell whether this user may write what is there."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _looked_at(paths: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    found = {}
    for path in paths:
        try:
            seen = path.stat()
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise StoreUnavailable(f"{path} cannot be looked at: {exc.strerror}") from exc
        found[path] = (seen.st_size, stat.S_IMODE(seen.st_mode))
    return found
