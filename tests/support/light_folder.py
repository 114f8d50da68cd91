"""A folder where a sync costs nothing, for tests with thousands of commits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108  the folder made in it has a name nobody knows


@contextmanager
def light_folder(otherwise: Path) -> Iterator[Path]:
    """Give a folder in memory, else the other one.

    What a killed process has written is kept there as it is on a disk: only a power cut is not.
    """
    if not os.access(MEMORY, os.W_OK):
        yield otherwise
        return
    with TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)
