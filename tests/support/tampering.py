"""An audit log in a file, and hands that change it behind Keysat's back."""

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from keysat_adapters.sqlite.archive import SQLiteArchive
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.audit_chain import Anchor
from keysat_core.domain.audit_walk import ChainReport
from keysat_core.ports.store import Store
from keysat_core.use_cases.server.verify_audit import verify_audit
from tests.support.trade import OPERATOR

Told = tuple[str, int, int, int | None]


def write_log(path: Path, entries: Iterable[AuditEntry]) -> None:
    """Write a log the way Keysat does."""
    with SQLiteStore.open(path) as store, store.writing() as tx:
        tx.trail.append_audits(list(entries))


def tamper(path: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    """Run SQL as somebody would who can write the file, heeding no CHECK."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("ignore_check_constraints", 1)
        for statement in statements:
            connection.execute(statement, values if "?" in statement else ()).fetchall()


def overwrite(path: Path, change: Callable[[bytearray], None]) -> None:
    """Change bytes of the file itself."""
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def verified(path: Path, anchor: Anchor | None = None) -> ChainReport:
    """Verify a file as it is."""
    with SQLiteArchive.open(path) as store:
        return verify_audit(OPERATOR, anchor=anchor, store=store)


def told(report: ChainReport) -> list[Told]:
    """Give the breaks, short."""
    return [(str(b.kind), b.first_id, b.last_id, b.belongs_at) for b in report.breaks]


def verified_in(store: Store) -> list[Told]:
    """Verify a store and give the breaks."""
    return told(verify_audit(OPERATOR, store=store))
