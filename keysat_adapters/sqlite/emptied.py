"""A database file that is there but empty: made by mistake, or what a fault left of a shop.

To begin a new shop in its place, with a new signing key, is nothing to do by the way.
"""

from pathlib import Path
from typing import Final

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.connection import is_file_there
from keysat_adapters.sqlite.ledger import read_ledger
from keysat_core.errors import MigrationRefused, StoreUnavailable

BACKUPS_FOLDER: Final = "backups"
"""Where backups of a database lie if nobody chose another place."""

REMEDY: Final = "it is empty: restore a backup, or run keysat migrate to begin a new shop"


def refuse_empty(path: Path) -> None:
    """Refuse a file that has had no migration, without changing a byte of it.

    Raises:
        MigrationRefused: It is such a file, or belongs to another program.
        StoreUnavailable: It cannot be read, or is no database.
    """
    if is_file_there(path) and not read_ledger(path):
        raise MigrationRefused(f"{path} cannot be used; {REMEDY}")


def refuse_emptied(path: Path) -> None:
    """Refuse an empty file beside which something of a shop lies, without changing a byte of it.

    A process that makes a shop leaves nothing beside it before its ledger is begun, so what lies
    there is looked for first.

    Raises:
        MigrationRefused: It is such a file, or belongs to another program.
        StoreUnavailable: It cannot be read, or is no database.
    """
    if not is_file_there(path):
        return
    remains = _remains_of(path)
    if remains is not None and not read_ledger(path):
        raise MigrationRefused(
            f"{path} is empty, but {remains} tells of a shop: restore a backup, or delete the"
            " empty file to begin a new shop, whose key verifies no license sold before"
        )


def _remains_of(path: Path) -> Path | None:
    activity = Path(activity_path(path))
    if is_file_there(activity):
        return activity
    folder = path.with_name(BACKUPS_FOLDER)
    try:
        return next(folder.glob("*.db"), None)
    except OSError as exc:
        raise StoreUnavailable(f"{folder} cannot be looked at: {exc.strerror}") from exc
