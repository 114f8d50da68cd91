"""What a row of the table of remote commands is, and what rows are made with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from keysat_cli.remote.api import API
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.errors import NotFound

S = TypeVar("S", bound=msgspec.Struct)

Params = Mapping[str, Any]
"""What the command line gave, under the names of the command's own parameters."""

Run = Callable[[API, Params], Any]
"""Carries a command out and gives what the local one prints with ``--json``; None: it has printed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """How one command is carried out elsewhere.

    Attributes:
        run: Does it.
        columns: What people see of each thing in a list; empty for a command that lists nothing.
        is_asking: Whether a command with ``--yes`` asks here, before ``run``; else ``run`` asks.
    """

    run: Run
    columns: tuple[str, ...] = ()
    is_asking: bool = True


def named(
    rows: Iterable[Mapping[str, Any]], noun: str, text: str, *fields: str
) -> Mapping[str, Any]:
    """Choose the row one of whose fields is the text, as operators name it.

    Raises:
        NotFound: none is.
    """
    for row in rows:
        if any(row.get(field) == text for field in fields):
            return row
    raise NotFound(noun, text)


def said(**fields: Any) -> dict[str, Any]:
    """Make a body of the fields that were given: neither None nor empty tuples."""
    return {name: value for name, value in fields.items() if value is not None and value != ()}


def changed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make a body of the fields a change sets; None clears one, what is unset is left out."""
    return {name: value for name, value in fields.items() if value is not UNSET}


def moment(instant: Instant | None) -> str | None:
    """Spell an instant as the API reads it."""
    return None if instant is None else rfc3339(instant)


def narrowed(document: Any, kind: type[S]) -> S:
    """Keep of an answer what the local command prints, which is less."""
    return msgspec.convert(document, kind)
