"""The folder of backups: what lies in it, and removing what is not wanted any more."""

from pathlib import Path
from typing import Final, NamedTuple

from keysat_adapters.sqlite.backup import log_of
from keysat_adapters.sqlite.checksum import SUFFIX as LIST_SUFFIX
from keysat_adapters.sqlite.checksum import checksum_path, listed_names
from keysat_adapters.sqlite.snapshot import PARTIAL
from keysat_core.domain.backup_schedule import scheduled_at
from keysat_core.domain.instant import Instant
from keysat_core.errors import StoreUnavailable

_SUFFIX: Final = ".db"
_LOG_SUFFIX: Final = "-activity.db"


class BackupFile(NamedTuple):
    """A backup as its folder shows it.

    ``changed_at`` is the file's own time. ``is_listed``: its checksums are beside it, which are
    written when it was verified and found good.
    """

    path: Path
    changed_at: Instant
    size_bytes: int
    is_listed: bool


def list_backups(folder: Path) -> list[BackupFile]:
    """Give the databases in a folder in the order of their names; none if there is no folder.

    Raises:
        StoreUnavailable: It cannot be looked at.
    """
    try:
        names = sorted(folder.iterdir())
        return [_looked_at(path) for path in names if _is_main(path)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise StoreUnavailable(f"{folder} cannot be looked at: {exc.strerror}") from exc


def scheduled_in(folder: Path, *, stem: str, shop: str) -> dict[Instant, Path]:
    """Give the backups in a folder that a shop's schedule made, by when they were begun.

    Beside the name it takes the checksums that were written with it: what somebody else put there
    under such a name, a link for one, is not among them.

    Raises:
        StoreUnavailable: The folder cannot be looked at.
    """
    found = {}
    for one in list_backups(folder):
        began_at = scheduled_at(one.path.name, stem=stem, shop=shop)
        if began_at is not None and one.is_listed and not one.path.is_symlink():
            found[began_at] = one.path
    return found


def remove_backup(path: Path) -> None:
    """Remove a backup with all that belongs to it.

    Its main file goes first: where that is, the backup is whole.

    Raises:
        StoreUnavailable: It cannot be removed.
    """
    for each in (path, log_of(path), checksum_path(path)):
        _remove(each)


def remove_remains(folder: Path, *, stem: str, shop: str) -> None:
    """Remove what belongs to scheduled backups of a shop whose main file is not there.

    Killed processes leave it: they name the main file last, and remove it first. Of a backup that
    another process is writing nothing is touched.

    Raises:
        StoreUnavailable: The folder cannot be looked at, or a file not be removed.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return
    except OSError as exc:
        raise StoreUnavailable(f"{folder} cannot be looked at: {exc.strerror}") from exc
    for name in names:
        main = folder / _main_name(name)
        is_own = main.name != name and scheduled_at(main.name, stem=stem, shop=shop) is not None
        # In this order: who is writing it gives it its name before the partial one goes.
        if is_own and not main.with_name(main.name + PARTIAL).exists() and not main.exists():
            _remove(log_of(main))
            _remove(checksum_path(main))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be removed: {exc.strerror}") from exc


def _main_name(name: str) -> str:
    """Give the name of the main file that a file of a backup belongs to."""
    name = name.removesuffix(LIST_SUFFIX)
    return name.removesuffix(_LOG_SUFFIX) + _SUFFIX if name.endswith(_LOG_SUFFIX) else name


def _is_main(path: Path) -> bool:
    is_database = path.name.endswith(_SUFFIX) and not path.name.endswith(_LOG_SUFFIX)
    return is_database and path.is_file()


def _looked_at(path: Path) -> BackupFile:
    seen = path.stat()
    return BackupFile(
        path=path,
        changed_at=Instant(int(seen.st_mtime)),
        size_bytes=seen.st_size,
        is_listed=_is_listed(path),
    )


def _is_listed(path: Path) -> bool:
    try:
        return path.name in listed_names(path)
    except StoreUnavailable:
        return False
