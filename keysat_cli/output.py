"""What commands print: one JSON document with ``--json``, else plain aligned text.

Text that strangers chose (names, e-mail addresses, host names) may hold control characters; they
never reach the terminal.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeAlias

import click
import msgspec

from keysat_core.domain.backup_schedule import backup_stamp
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.rate import MINOR_PER_UNIT

JSON_META: Final = "keysat_cli.is_json"
"""Where the ``--json`` option leaves its value in the click context."""

DRY_RUN_META: Final = "keysat_cli.is_dry_run"
"""Where the ``--dry-run`` option leaves its value in the click context."""

NOTHING_CHANGED: Final = "Nothing was changed."
"""What a person is told behind the result of a dry run."""

CHANGE_META: Final = "keysat_cli.is_change_made"
"""Where a command's visit to the database leaves word in the click context that it wrote."""

NOTHING: Final = "-"
"""Stands for an absent value."""

Document: TypeAlias = Mapping[str, object] | msgspec.Struct


class OutputLost(Exception):
    """What was asked for is done, but stdout did not take the result. The message says why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause.strerror or type(cause).__name__)


def is_json_wanted() -> bool:
    """Tell whether the running command was given ``--json``."""
    return _is_noted(JSON_META)


def is_dry_run() -> bool:
    """Tell whether the running command was given ``--dry-run``: what it does is undone."""
    return _is_noted(DRY_RUN_META)


def note_change() -> None:
    """Remember that the running command has changed the database for good."""
    if context := click.get_current_context(silent=True):
        context.meta[CHANGE_META] = True


def is_change_made() -> bool:
    """Tell whether the running command has changed the database."""
    return _is_noted(CHANGE_META)


def emit(document: Document, lines: Iterable[str]) -> None:
    """Print a result on stdout in the form that was asked for.

    Raises:
        OutputLost: It cannot be written.
        BrokenPipeError: Nobody reads it.
    """
    if is_dry_run():
        document, lines = _rehearsed(document), [*lines, NOTHING_CHANGED]
    printed = [to_json(document)] if is_json_wanted() else map(_clean_lines, lines)
    with _losing_output():
        for line in printed:
            click.echo(line)


def flush_output() -> None:
    """Write out what stdout still holds; raises as ``emit``."""
    with _losing_output():
        sys.stdout.flush()


def note(text: str) -> None:
    """Tell a person something on stderr, where it cannot spoil a document.

    If stderr takes nothing there is nobody to tell, which is no reason to fail.
    """
    with suppress(OSError):
        click.echo(clean(text), err=True)


def to_json(document: Document) -> str:
    """Spell a document for people and programs alike."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Align rows under headings; numbers to the right. Nothing is cut and nothing wraps."""
    body = [[shown(value) for value in row] for row in rows]
    columns = list(zip([heading.upper() for heading in headings], *body, strict=True))
    widths = [max(map(len, column)) for column in columns]
    is_right = [all(cell == NOTHING or cell.isdecimal() for cell in c[1:]) for c in columns]

    def aligned(cells: Sequence[str]) -> str:
        spread = zip(cells, widths, is_right, strict=True)
        return "  ".join(
            cell.rjust(width) if right else cell.ljust(width) for cell, width, right in spread
        ).rstrip()

    return [aligned(cells) for cells in zip(*columns, strict=True)]


def listing(headings: Sequence[str], rows: Sequence[Sequence[object]], *, noun: str) -> list[str]:
    """Give a table, or say in words that there is nothing to list."""
    return table(headings, rows) if rows else [f"No {noun}."]


def facts(pairs: Iterable[tuple[str, object]]) -> list[str]:
    """Align the facts about one thing under each other."""
    spelled = [(name, shown(value)) for name, value in pairs]
    width = max((len(name) for name, _ in spelled), default=0)
    return [f"{name.ljust(width)}  {value}" for name, value in spelled]


def shown(value: object) -> str:
    """Spell a value on one line: yes and no, a dash for nothing, no control characters."""
    match value:
        case None | "":
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case str() | int():
            return clean(str(value))
        case list() | tuple():
            return ", ".join(map(shown, value)) or NOTHING
        case Money():
            return money_text(value)
        case _:
            return clean(msgspec.json.encode(value).decode())


def clean(text: str) -> str:
    """Replace what a terminal would not print as it is."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _rehearsed(document: Document) -> Document:
    """Say in a document that nothing of it was kept, as the API does."""
    plain: dict[str, object] = msgspec.to_builtins(document)
    return plain | {"dry_run": True}


def _clean_lines(text: str) -> str:
    return "\n".join(map(clean, text.split("\n")))


def money_text(money: Money) -> str:
    """Spell an amount in whole units: sats as they are, cents behind a point."""
    if money.currency is Currency.SAT:
        return f"{money.amount} SAT"
    units, cents = divmod(money.amount, MINOR_PER_UNIT)
    return f"{units}.{cents:02d} {money.currency}"


def time_text(instant: Instant | None) -> str | None:
    """Spell an instant as RFC 3339; None stays None."""
    return None if instant is None else rfc3339(instant)


def stamp(instant: Instant) -> str:
    """Spell an instant so that it can be part of a file's name, and sorts."""
    return backup_stamp(instant)


def duration_text(seconds: int) -> str:
    """Spell a duration in the largest unit that fits it exactly; 0 is for ever."""
    if seconds == 0:
        return "perpetual"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


@contextmanager
def _losing_output() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise OutputLost(exc) from exc


def _is_noted(key: str) -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(key, False))
