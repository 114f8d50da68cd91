"""Exchanging a database and its validation log for others, whole or not at all.

What was there keeps existing under names of its own. For a moment it has two names, and a killed
process leaves it with both: the next restore takes the second one away, and until then nobody
writes to it (``connection.open_writer``).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from glob import escape
from pathlib import Path
from typing import Final

import msgspec

from keysat_adapters.sqlite.snapshot import PARTIAL, publish, side_files, sync_folder
from keysat_core.errors import StoreUnavailable

ASIDE: Final = "-replaced"
"""What follows the stem of a database in the names its old files get."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One file, what to put in its place, and its name afterwards. ``partial`` None: nothing."""

    partial: Path | None
    target: Path
    aside: Path


def exchange(exchanges: Sequence[Exchange]) -> list[Path]:
    """Move every file aside in this order, then put the new ones in place in the reverse order.

    Gives the names of what was moved. A failure puts everything back where it was.

    Raises:
        PathTaken: Somebody else made a file there meanwhile.
        StoreUnavailable: One cannot be exchanged; the message names it.
    """
    with ExitStack() as undo:
        moved = [path for each in exchanges for path in _move_aside(each, undo)]
        for each in reversed(exchanges):
            with _named(each.target):
                # Both names must outlive a power cut before one of them means something else.
                sync_folder(each.target.parent)
                _put(each, is_replacing=each.aside in moved, undo=undo)
                sync_folder(each.target.parent)
        undo.pop_all()
    return moved


def forget_second_names(target: Path, *others: Path, aside: str = ASIDE) -> None:
    """Take from a database and its log the second names a killed restore or import left them.

    Files are not opened: closing one would end the locks this process has by its other name.

    Raises:
        StoreUnavailable: One cannot be removed.
    """
    pattern = f"{escape(target.stem)}{aside}*.db"
    for file in filter(Path.exists, (target, *others)):
        for name in (file.with_name(file.name + PARTIAL), *target.parent.glob(pattern)):
            with _named(name):
                if name != file and name.exists() and name.samefile(file):
                    name.unlink()


def _move_aside(each: Exchange, undo: ExitStack) -> Iterator[Path]:
    if each.target.exists():
        with _named(each.target):
            os.link(each.target, each.aside)
        undo.callback(_put_back, each.aside, each.target)
        yield each.aside
    # Only a damaged database still has some. They belong to it alone, and go where it goes.
    for beside, aside in zip(side_files(each.target), side_files(each.aside), strict=True):
        if beside.exists():
            with _named(beside):
                beside.rename(aside)
            undo.callback(_put_back, aside, beside)
            yield aside


def _put(each: Exchange, *, is_replacing: bool, undo: ExitStack) -> None:
    if each.partial is None:
        each.target.unlink(missing_ok=True)
    elif is_replacing:
        each.partial.replace(each.target)
    else:
        publish(each.partial, each.target)
        undo.callback(each.target.unlink, missing_ok=True)


def _put_back(aside: Path, target: Path) -> None:
    try:
        # It does nothing if both still are one file; then the second name goes by itself.
        aside.replace(target)
        aside.unlink(missing_ok=True)
    except OSError as exc:
        raise StoreUnavailable(
            f"{target} cannot be put back: {exc.strerror}; rename {aside} to {target} by hand"
        ) from exc


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be exchanged: {exc.strerror}") from exc
