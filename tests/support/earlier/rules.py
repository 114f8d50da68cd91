"""What a new cell should hold, said of the old row alone; several answers may be right."""

import json
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from tests.support.earlier.keys import instant_in
from tests.support.earlier.old_rows import OldRow, OldShop

Cell: TypeAlias = str | int | float | bytes | None


class Free:
    """Stands for any value, or any but NULL."""

    def __init__(self, *, is_set: bool) -> None:
        self.is_set = is_set

    def __repr__(self) -> str:
        return "any value" if self.is_set else "anything"

    def takes(self, value: Cell) -> bool:
        """Say whether a value is among those."""
        return value is not None or not self.is_set


class Containing:
    """Stands for any text with another one in it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"a text with {self.text!r}"

    def takes(self, value: Cell) -> bool:
        """Say whether a value is one."""
        return isinstance(value, str) and self.text in value


ANYTHING: Final = Free(is_set=False)
SOMETHING: Final = Free(is_set=True)


class Want(NamedTuple):
    """One right answer; ``why`` says where it is demanded, if it is not what the old cell says."""

    value: Cell | Free | Containing
    why: str | None = None

    def is_met_by(self, value: Cell) -> bool:
        """Compare, and never take 1 for 1.0 or NULL for nothing."""
        if isinstance(self.value, Free | Containing):
            return self.value.takes(value)
        return type(self.value) is type(value) and self.value == value


Wants: TypeAlias = tuple[Want, ...]
Rule: TypeAlias = Callable[[OldShop, OldRow], Wants]


class Column(NamedTuple):
    """A new column, what it should hold, and how its cell is read before it is compared."""

    new: str
    rule: Rule
    read: Callable[[Cell], Cell] = lambda cell: cell


def same(name: str, old: str | None = None) -> Column:
    """Keep a cell as it is."""
    return Column(name, lambda _, row: (Want(row[old or name]),))


def instant(name: str, old: str | None = None, *, why_not: str | None = None) -> Column:
    """Keep an instant in whole seconds (decisions 23); one that cannot be read needs a reason."""

    def rule(_: OldShop, row: OldRow) -> Wants:
        text = row[old or name]
        seconds = instant_in(text)
        if text is not None and seconds is None:
            return (Want(None, why_not),) if why_not else (Want(f"the instant {text!r}"),)
        return (Want(seconds),)

    return Column(name, rule)


def at_least(name: str, low: int, why: str) -> Column:
    """Keep a number, or the lowest that has a meaning."""

    def rule(_: OldShop, row: OldRow) -> Wants:
        value = row[name]
        if isinstance(value, int) and value < low:
            return (Want(low, why),)
        return (Want(value),)

    return Column(name, rule)


def document(name: str, old: str) -> Column:
    """Keep a JSON document, however it is spelled."""
    return Column(name, lambda _, row: (Want(canonical(row[old])),), canonical)


def own(name: str, *values: Cell | Free) -> Column:
    """Name a column that the earlier server had not, and what an import may put there."""
    wants = tuple(Want(value) for value in values or (ANYTHING,))
    return Column(name, lambda _, row: wants)


def canonical(cell: Cell) -> Cell:
    """Spell a document in the one way that says equal of equal ones; leave what is none."""
    if not isinstance(cell, str):
        return cell
    try:
        return json.dumps(json.loads(cell), sort_keys=True, ensure_ascii=False)
    except ValueError:
        return cell


def names_in(cell: Cell) -> list[str] | None:
    """Read a list of texts; None if it is something else."""
    if cell is None:
        return []
    try:
        read = json.loads(str(cell))
    except ValueError:
        return None
    return read if isinstance(read, list) and all(isinstance(x, str) for x in read) else None
