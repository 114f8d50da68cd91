"""A shop of the earlier server that moved in by ``keysat import``, and copies of it to spoil."""

import shutil
from pathlib import Path
from typing import Any

from tests.support.earlier.compare import activity_of
from tests.support.earlier.shop import write_earlier_database
from tests.support.program import Program


class MovedShop:
    """The earlier file, the new one, and what the program said of the move."""

    def __init__(self, folder: Path, *, licenses: int) -> None:
        self.shop = write_earlier_database(folder / "earlier.db", licenses=licenses)
        said: dict[str, Any] = Program(folder=folder).json("import", str(self.shop.path))
        self.notes: list[dict[str, str]] = said["report"]["notes"]
        self.new = folder / "keysat.db"

    def copy(self, folder: Path) -> Path:
        """Give a new file that may be spoilt."""
        for path in (self.new, activity_of(self.new)):
            shutil.copy(path, folder)
        return folder / self.new.name
