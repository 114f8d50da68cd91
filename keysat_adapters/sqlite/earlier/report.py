"""What became of every row of an earlier database: counts by table, and a note wherever it matters."""

from enum import StrEnum
from typing import Final

import msgspec

OMITTED: Final[dict[str, str]] = {
    "sessions": "everybody signs in again (admin-api B-02)",
    "btcpay_authorize_state": "half-made connections are begun anew",
    "rate_buckets": "limits start full",
}
"""Tables that are left out on purpose, and why."""


class NoteKind(StrEnum):
    """What a note is about."""

    CHANGED = "changed"
    """The row was carried, but not as it was."""
    LEFT = "left"
    """The row was not carried."""
    DEFECT = "defect"
    """The row was carried as it was; something is wrong that only its operator can put right."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One remark about one row. ``rule`` names the known defect or the rule behind it."""

    table: str
    id: str
    kind: NoteKind
    rule: str
    what: str


class TableCount(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a table: ``found`` rows are ``carried``, ``left`` or ``omitted``."""

    table: str
    found: int
    carried: int
    changed: int
    left: int
    omitted: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An import as a whole. ``keys_compared``: licenses whose key is the same as before."""

    tables: tuple[TableCount, ...]
    notes: tuple[Note, ...]
    keys_compared: int

    def notes_of(self, kind: NoteKind) -> list[Note]:
        """Give the notes of one kind."""
        return [note for note in self.notes if note.kind is kind]


class Ledger:
    """Collects counts and notes while rows are carried.

    ``rekeyed``: licenses whose key, given out again, cannot be what it was; each has its note.
    """

    def __init__(self) -> None:
        self._found: dict[str, int] = {}
        self._carried: dict[str, set[str]] = {}
        self._numbers: dict[str, int] = {}
        self._omitted: dict[str, str] = {}
        self.notes: list[Note] = []
        self.rekeyed: set[str] = set()

    def note(self, table: str, id_: str, kind: NoteKind, rule: str, what: str) -> None:
        """Add a remark."""
        self.notes.append(Note(table=table, id=id_, kind=kind, rule=rule, what=what))

    def find(self, table: str, number: int) -> None:
        """Note how many rows a table has."""
        self._found[table] = self._found.get(table, 0) + number

    def carry(self, table: str, id_: str) -> None:
        """Note that a row is in the new database."""
        self._carried.setdefault(table, set()).add(id_)

    def carry_number(self, table: str, number: int) -> None:
        """Note that so many rows of a log, which nothing refers to, are in the new database."""
        self._numbers[table] = self._numbers.get(table, 0) + number

    def omit(self, table: str, number: int, why: str) -> None:
        """Note that a table is left out."""
        self.find(table, number)
        self._omitted[table] = why

    def has(self, table: str, id_: str | None) -> bool:
        """Tell whether a row is in the new database."""
        return id_ is not None and id_ in self._carried.get(table, ())

    def counts(self) -> tuple[TableCount, ...]:
        """Give the counts of all tables."""
        changed: dict[str, set[str]] = {}
        for note in self.notes:
            if note.kind is NoteKind.CHANGED:
                changed.setdefault(note.table, set()).add(note.id)
        return tuple(self._count(table, len(changed.get(table, ()))) for table in self._found)

    def _count(self, table: str, changed: int) -> TableCount:
        found = self._found[table]
        carried = len(self._carried.get(table, ())) + self._numbers.get(table, 0)
        is_omitted = table in self._omitted
        return TableCount(
            table=table,
            found=found,
            carried=carried,
            changed=changed,
            left=0 if is_omitted else found - carried,
            omitted=self._omitted.get(table),
        )
