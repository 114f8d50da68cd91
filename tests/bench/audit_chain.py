"""How fast a change of the audit log is found among a million rows, and what the chain costs.

Every way to tamper is undone before the next one is tried.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from keysat_adapters.sqlite.archive import SQLiteArchive
from keysat_adapters.sqlite.audit_rows import AUDIT
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.sqlite.trail import _audit_cells
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.instant import Instant
from keysat_core.use_cases.server.verify_audit import verify_audit
from tests.support.performance_page import Report

REPORT: Final = Report("audit_chain")

ROWS: Final = 1_000_000
BATCH: Final = 50_000
ACTOR: Final = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)
MIDDLE: Final = ROWS // 2
LATE: Final = ROWS - ROWS // 10

TAMPERINGS: Final = {
    "a flipped byte": (
        f"UPDATE audit_log SET action = 'license.revoka' WHERE id = {LATE}",  # noqa: S608
    ),
    "a deleted row": (f"DELETE FROM audit_log WHERE id = {MIDDLE}",),  # noqa: S608
    "two swapped rows": (
        f"UPDATE audit_log SET id = -1 WHERE id = {MIDDLE}",  # noqa: S608
        f"UPDATE audit_log SET id = {MIDDLE} WHERE id = {LATE}",  # noqa: S608
        f"UPDATE audit_log SET id = {LATE} WHERE id = -1",  # noqa: S608
    ),
}

ROUNDS: Final = 15
CALLS: Final = 200


def entries(first: int, count: int) -> Iterator[AuditEntry]:
    for number in range(first, first + count):
        now = Instant(1_800_000_000 + number)
        target = ("license", f"{number:08x}-0000-4000-8000-000000000000")
        yield audited(ACTOR, "license.revoke", now, target=target, reason=f"refund {number}")


def build(path: Path) -> None:
    with SQLiteStore.open(path) as store:
        for first in range(0, ROWS, BATCH):
            batch = list(entries(first, BATCH))
            with store.writing() as tx:
                tx.trail.append_audits(batch)


def verify(path: Path, label: str) -> None:
    began = time.perf_counter()
    with SQLiteArchive.open(path) as store:
        report = verify_audit(ACTOR, store=store)
    took = time.perf_counter() - began
    found = ", ".join(f"{each.kind} {each.first_id}-{each.last_id}" for each in report.breaks)
    REPORT.say(f"{label:24}{report.row_count:>10} rows{took:8.2f} s   {found or 'nothing wrong'}")


def tampered(path: Path, label: str) -> None:
    """Verify a copy of the database that was changed behind Keysat's back."""
    with closing(apsw.Connection(str(path))) as connection:
        saved = connection.execute(
            "SELECT * FROM audit_log WHERE id IN (?, ?)", (MIDDLE, LATE)
        ).fetchall()
        for statement in TAMPERINGS[label]:
            connection.execute(statement).fetchall()
    verify(path, label)
    with closing(apsw.Connection(str(path))) as connection:
        marks = ", ".join("?" * len(saved[0]))
        connection.executemany(f"REPLACE INTO audit_log VALUES ({marks})", saved).fetchall()  # noqa: S608


def append_cost() -> dict[str, float]:
    """Microseconds to append a row inside a transaction, without the chain and with it."""
    plain = AUDIT.insert().replace(AUDIT.name, "bare_log")
    best = dict.fromkeys(("unchained", "chained"), float("inf"))
    with SQLiteStore.open() as store:
        connection = store._writer.session.connection
        made = connection.execute(
            "SELECT group_concat(replace(sql, 'audit_log', 'bare_log'), ';') FROM sqlite_schema"
            " WHERE tbl_name = 'audit_log' AND sql IS NOT NULL"
        ).fetchall()[0][0]
        connection.execute(str(made)).fetchall()
        for turn in range(ROUNDS):
            batch = list(entries(turn * CALLS, CALLS))
            with store.writing() as tx:
                began = time.perf_counter()
                for entry in batch:
                    connection.execute(plain, _audit_cells(entry)).fetchall()
                between = time.perf_counter()
                for entry in batch:
                    tx.trail.append_audit(entry)
                ended = time.perf_counter()
            best["unchained"] = min(best["unchained"], (between - began) / CALLS * 1e6)
            best["chained"] = min(best["chained"], (ended - between) / CALLS * 1e6)
    return best


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        began = time.perf_counter()
        build(path)
        REPORT.say(f"built in {time.perf_counter() - began:.1f} s, {path.stat().st_size >> 20} MiB")
        verify(path, "untouched")
        for label in TAMPERINGS:
            tampered(path, label)
        verify(path, "put back")
    cost = append_cost()
    ratio = cost["chained"] / cost["unchained"]
    REPORT.say(
        f"append {cost['unchained']:.1f} µs unchained, {cost['chained']:.1f} µs chained: {ratio:.2f}"
    )
    REPORT.keep()


if __name__ == "__main__":
    main()
