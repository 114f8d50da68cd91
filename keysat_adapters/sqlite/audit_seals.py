"""Sealing audit rows: which columns a seal covers, and sealing a log that has no seals yet."""

from collections.abc import Iterable, Iterator
from typing import Final

import apsw

from keysat_adapters.sqlite.refusals import DAMAGED_TEXT, UNSTORABLE, unstorable
from keysat_adapters.sqlite.session import Row
from keysat_core.domain.audit_chain import GENESIS, seal
from keysat_core.errors import StoreUnavailable

SEALED_COLUMNS: Final = (
    "actor_kind",
    "actor_hash",
    "action",
    "target_kind",
    "target_id",
    "request_ip",
    "user_agent",
    "request_id",
    "details",
    "occurred_at",
)
"""Never to be changed: a seal can only be checked against the columns it was made of."""

_BATCH: Final = 10_000
"""Rows sealed at once, so that a long log does not have to fit the memory."""

_UNSEALED: Final = (
    f"SELECT id, {', '.join(SEALED_COLUMNS)} FROM audit_log WHERE id > ? ORDER BY id LIMIT {_BATCH}"  # noqa: S608  constants only
)
_SEAL: Final = "UPDATE audit_log SET previous_hash = ?, hash = ? WHERE id = ?"


def sealed(rows: Iterable[Row], previous_hash: bytes) -> Iterator[Row]:
    """Give rows of the sealed columns with both hashes behind them.

    Raises:
        InvariantError: A value cannot be stored.
    """
    for cells in rows:
        try:
            own_hash = seal(previous_hash, cells)
        except UNSTORABLE as exc:
            raise unstorable(exc) from exc
        yield (*cells, previous_hash, own_hash)
        previous_hash = own_hash


def seal_audit_log(connection: apsw.Connection) -> None:
    """Seal every row of a log, in the open transaction.

    Raises:
        StoreUnavailable: A row cannot be read.
    """
    previous_hash, last_id = GENESIS, 0
    while rows := _unsealed(connection, last_id):
        seals = [row[-2:] for row in sealed((row[1:] for row in rows), previous_hash)]
        named = [(*pair, row[0]) for pair, row in zip(seals, rows, strict=True)]
        connection.executemany(_SEAL, named).fetchall()
        previous_hash, last_id = named[-1][1], named[-1][2]


def _unsealed(connection: apsw.Connection, last_id: int) -> list[Row]:
    try:
        return connection.execute(_UNSEALED, (last_id,)).fetchall()
    except UnicodeDecodeError as exc:
        raise StoreUnavailable(DAMAGED_TEXT) from exc
