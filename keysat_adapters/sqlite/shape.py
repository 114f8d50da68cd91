"""The shape of a schema: what there is to compare of two databases, without their rows.

What a database should look like, and what a migration touches, is found by running migrations on
an empty database in memory, so that no list has to be kept by hand.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

import apsw

from keysat_adapters.sqlite.connection import MEMORY, open_writer
from keysat_adapters.sqlite.ledger import begin_ledger
from keysat_adapters.sqlite.migration import Migration

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\]  # text and quoted names
    | --[^\n]* | /\*.*?\*/                                      # comments
    | \w+ | [^\w\s]""",
    re.VERBOSE | re.DOTALL,
)
_COMMENTS: Final = ("--", "/*")
_WRITES: Final = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
_OWN_PREFIX: Final = "sqlite_"

SHAPES_REMEMBERED: Final = 4
"""Every look at a file compares it with the same few; to work one out takes 30 ms."""

DECLARATIONS_REMEMBERED: Final = 512
"""More parts than a database of ours has."""


class Part(NamedTuple):
    """A table, index, view or trigger: the table it belongs to, and how it is declared."""

    table: str
    declaration: str


Shape: TypeAlias = Mapping[tuple[str, str], Part]
"""Parts by type and name. Declarations are equal when they differ in spaces and comments alone."""


def shape_of(connection: apsw.Connection) -> Shape:
    """Read the shape of a database."""
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema"
        " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ).fetchall()
    return {
        (str(kind), str(name)): Part(str(table), _plain(str(sql)))
        for kind, name, table, sql in rows
    }


def shape_after(migrations: Sequence[Migration]) -> Shape:
    """Give the shape of a database that has had these migrations and no others."""
    return _shape_after(tuple(migrations))


@lru_cache(maxsize=SHAPES_REMEMBERED)
def _shape_after(migrations: tuple[Migration, ...]) -> Shape:
    with _replayed(migrations) as connection:
        return MappingProxyType(dict(shape_of(connection)))


def tables_touched_by(migration: Migration, earlier: Sequence[Migration]) -> frozenset[str]:
    """Give the tables a migration makes, changes, drops, indexes or writes rows of.

    ``earlier`` are all migrations before it.
    """
    written: set[str] = set()

    def note_writes(
        action: int, name: str | None, _: str | None, __: str | None, ___: str | None
    ) -> int:
        if action in _WRITES and name is not None and not name.startswith(_OWN_PREFIX):
            written.add(name)
        return int(apsw.SQLITE_OK)

    with _replayed(earlier) as connection:
        before = shape_of(connection)
        connection.authorizer = note_writes
        migration.run(connection)
        connection.authorizer = None
        after = shape_of(connection)
    parts = (*_only_in(before, after), *_only_in(after, before))
    return frozenset(written.union(part.table for part in parts))


def differences(actual: Shape, expected: Shape) -> list[str]:
    """Say in words what distinguishes two shapes; empty if nothing does."""
    said = []
    for key in sorted({*actual, *expected}):
        kind, name = key
        if key not in actual:
            said.append(f"{kind} {name} is missing")
        elif key not in expected:
            said.append(f"{kind} {name} should not be there")
        elif actual[key] != expected[key]:
            said.append(f"{kind} {name} is declared otherwise")
    return said


def _only_in(one: Shape, other: Shape) -> Iterator[Part]:
    return (part for key, part in one.items() if other.get(key) != part)


@contextmanager
def _replayed(migrations: Sequence[Migration]) -> Iterator[apsw.Connection]:
    connection = open_writer(MEMORY)
    try:
        begin_ledger(connection)
        for migration in migrations:
            migration.run(connection)
        yield connection
    finally:
        connection.close()


@lru_cache(maxsize=DECLARATIONS_REMEMBERED)
def _plain(declaration: str) -> str:
    tokens = _TOKEN.findall(declaration)
    return " ".join(token for token in tokens if not token.startswith(_COMMENTS))
