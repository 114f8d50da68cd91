"""The one translation of SQLite's errors into errors of the store port."""

from collections.abc import Mapping
from typing import Final, TypeAlias

import apsw

from keysat_core.errors import InvariantError, KeysatError, StoreBusy, StoreUnavailable

Taken: TypeAlias = Mapping[str, KeysatError]
"""What to raise when a UNIQUE constraint over these columns, as SQLite lists them, is broken."""

NOTHING_TAKEN: Final[Taken] = {}

BUSY: Final = (apsw.BusyError, apsw.LockedError)

UNSTORABLE: Final = (UnicodeEncodeError, OverflowError)
"""What apsw raises for text and integers SQLite cannot hold."""

DAMAGE: Final = (apsw.CorruptError, UnicodeDecodeError)
"""What apsw raises for a row whose page or text is damaged."""

DAMAGED_TEXT: Final = "a text in it is damaged; restore a backup"

_UNIQUE: Final = "UNIQUE constraint failed: "

_PROBLEMS: Final[Mapping[type[apsw.Error], str]] = {
    apsw.ReadOnlyError: "it is read-only",
    apsw.FullError: "the disk is full",
    apsw.CantOpenError: "a file cannot be opened",
    apsw.PermissionsError: "access was denied",
    apsw.IOError: "the disk failed",
    apsw.NotADBError: "the file is not an SQLite database",
    apsw.CorruptError: "the file is damaged; restore a backup",
    apsw.ConstraintError: "it refused a change",
    apsw.ConnectionClosedError: "it was closed",
    apsw.ThreadingViolationError: "it was closed",
}


def refusal(error: apsw.Error, taken: Taken = NOTHING_TAKEN) -> KeysatError:
    """Give the port error to raise ``from`` an error of SQLite."""
    if isinstance(error, BUSY):
        return StoreBusy()
    text = str(error)
    if isinstance(error, apsw.ConstraintError) and text.startswith(_UNIQUE):
        known = taken.get(text.removeprefix(_UNIQUE))
        if known is not None:
            return known
    problem = next((said for kind, said in _PROBLEMS.items() if isinstance(error, kind)), None)
    return StoreUnavailable(f"{problem} ({text})" if problem else text)


def unstorable(error: UnicodeEncodeError | OverflowError) -> InvariantError:
    """Give the error for a value that no row can hold, and so no row can equal."""
    what = "number" if isinstance(error, OverflowError) else "text"
    return InvariantError(what, "cannot be stored")
