"""What writes rows of the earlier server: ids, spellings of instants, and what each row is for."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final, TypeAlias
from uuid import UUID

import apsw

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = dict[str, Cell]

NOW: Final = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
"""When the earlier server was stopped. No row of its own doing is younger."""

DAY: Final = 86_400
SCHEMA: Final = Path(__file__).with_name("schema.sql")
LEDGER: Final = "INSERT INTO _sqlx_migrations VALUES (?, ?, ?, 1, ?, ?)"
VERSIONS: Final = 25


class Pen:
    """Rows in the order they are written, and the ids of those that show a feature or a defect."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"earlier {seed}")  # noqa: S311  the seed is the point
        self.ledger: list[tuple[int, str, str, bytes, int]] = []
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.features: dict[str, list[str]] = defaultdict(list)
        self.defects: dict[str, list[str]] = defaultdict(list)

    def id(self) -> str:
        """Draw an id as the server gives them."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def hex_id(self) -> str:
        """Draw an id as the twentieth migration gave them (admin-api 0)."""
        return self.random.randbytes(16).hex()

    def ago(self, seconds: float) -> str:
        """Spell an instant before the last one."""
        return self.spelled(NOW - timedelta(seconds=seconds))

    def spelled(self, instant: datetime) -> str:
        """Spell an instant with 0, 3, 6 or 9 digits of a fraction (lifecycles 0)."""
        digits = self.random.choice((0, 3, 6, 6, 6, 9))
        fraction = f".{self.random.randrange(10**digits):0{digits}}" if digits else ""
        return f"{instant:%Y-%m-%dT%H:%M:%S}{fraction}+00:00"

    def put(self, table: str, **cells: Cell) -> Row:
        """Write a row; it may be changed until the file is made."""
        self.rows[table].append(cells)
        return cells

    def shows(self, row: Row, *features: str) -> Row:
        """Remember what a row is an example of."""
        for feature in features:
            self.features[feature].append(str(row["id"]))
        return row

    def plant(self, defect: str, *rows: Row) -> None:
        """Remember what went wrong with rows."""
        self.defects[defect] += [str(row["id"]) for row in rows]

    def write(self, path: Path) -> None:
        """Make the file, as the earlier server leaves one that it closed."""
        connection = apsw.Connection(str(path))
        try:
            connection.execute("PRAGMA journal_mode = wal").fetchall()
            connection.execute("PRAGMA foreign_keys = on").fetchall()
            with connection:
                connection.execute(SCHEMA.read_text(encoding="utf-8")).fetchall()
                connection.execute("PRAGMA defer_foreign_keys = on").fetchall()
                connection.executemany(LEDGER, self.ledger).fetchall()
                for table, rows in self.rows.items():
                    _insert(connection, table, rows)
        finally:
            connection.close()


def digest(text: str) -> str:
    """Give the lower-case hexadecimal SHA-256 that the server keeps of many texts."""
    return sha256(text.encode()).hexdigest()


def _insert(connection: apsw.Connection, table: str, rows: Iterable[Row]) -> None:
    groups: dict[tuple[str, ...], list[tuple[Cell, ...]]] = defaultdict(list)
    for row in rows:
        groups[tuple(row)].append(tuple(row.values()))
    for columns, values in groups.items():
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        connection.executemany(sql, values).fetchall()
