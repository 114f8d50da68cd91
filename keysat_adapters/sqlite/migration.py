"""One numbered change of the schema, and those this program carries."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

import apsw
import msgspec

from keysat_adapters.sqlite.audit_seals import seal_audit_log

CERTIFIED: Final = frozenset({"0002_leases"})
"""Migrations that may run again on a database of any later version without harm (lifecycles 13.2).

Each does so in a test on a populated database. One that adds a column can never be among them.
"""

_STEPS: Final[Mapping[int, Callable[[apsw.Connection], None]]] = {3: seal_audit_log}
"""What SQL alone cannot do, after the SQL of a version and in its transaction."""

_FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered change of the schema. ``is_certified``: it may be run again.

    ``step`` follows the SQL and is not in the checksum.
    """

    version: int
    name: str
    sql: str
    is_certified: bool = False
    step: Callable[[apsw.Connection], None] | None = None

    @property
    def label(self) -> str:
        """Number and name, as its file has them."""
        return f"{self.version:04d}_{self.name}"

    @property
    def checksum(self) -> str:
        """Lower-hex SHA-256 of the SQL with LF ends, no trailing white space, one final newline."""
        lines = self.sql.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        text = "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"
        return sha256(text.encode()).hexdigest()

    def run(self, connection: apsw.Connection) -> None:
        """Make the change inside the open transaction.

        Raises:
            apsw.Error: SQLite refused a part of it.
        """
        # The cursor is drained, because otherwise only the first statement would run.
        connection.execute(self.sql).fetchall()
        if self.step is not None:
            self.step(connection)


@cache
def packaged_migrations() -> tuple[Migration, ...]:
    """Give the migrations this program carries, in order.

    Raises:
        ValueError: two have the same number, and which comes first would be chance.
    """
    folder = files("keysat_adapters.sqlite") / "migrations"
    found = []
    for entry in folder.iterdir():
        match = _FILE_NAME.fullmatch(entry.name)
        if match:
            migration = Migration(
                version=int(match[1]),
                name=match[2],
                sql=entry.read_text(encoding="utf-8"),
                is_certified=entry.name.removesuffix(".sql") in CERTIFIED,
                step=_STEPS.get(int(match[1])),
            )
            found.append(migration)
    if len({migration.version for migration in found}) < len(found):
        raise ValueError("two migrations have the same number")
    return tuple(sorted(found, key=lambda migration: migration.version))
