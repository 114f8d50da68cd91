"""What lies in the files after sales, read past the server: whether it all fits together."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from keysat_adapters.sqlite.database_file import look_into
from keysat_core.domain.inspection import problems_of
from keysat_core.use_cases.server.verify_database import verify_database

_PAID: Final = "SELECT invoice_id FROM invoice WHERE status IN ('Settled', 'Settled/Marked')"
_READ_DATA: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot of the main file, and what the pretend provider knew right after it."""

    licensed: Counter[str]
    settled: Counter[str]
    invoices: Counter[str]
    licenses: Counter[str]
    seats: dict[str, tuple[int, int]]
    machines: Counter[str]
    freed: Counter[str]
    audits: dict[str, Counter[str]]
    events: dict[str, Counter[str]]
    problems: list[Any]
    paid: frozenset[str]
    orders: Counter[str]


def gather(db_path: Path, books_path: Path) -> Evidence:
    """Read everything there is to know."""
    with closing(apsw.Connection(str(db_path), flags=apsw.SQLITE_OPEN_READWRITE)) as main:
        main.set_busy_timeout(5_000)
        main.execute("BEGIN").fetchall()
        found = _of_main(main)
        main.execute("COMMIT").fetchall()
    with closing(sqlite3.connect(books_path, timeout=5)) as books:
        paid = frozenset(str(row[0]) for row in books.execute(_PAID))
        orders = Counter(str(row[0]) for row in books.execute("SELECT invoice_id FROM invoice"))
    with look_into(db_path) as database:
        found["problems"] += problems_of(verify_database(database=database, progress=_told_nobody))
    return Evidence(paid=paid, orders=orders, **found)


def _told_nobody(done: int, total: int) -> None:
    """Show no progress."""


def assert_it_fits(evidence: Evidence) -> None:
    """See that no step was half done, whatever is still to come."""
    it = evidence
    assert it.problems == []
    assert set(it.licensed.values()) <= {1}
    assert it.licensed == it.settled
    assert set(it.licensed) <= it.paid
    assert set(it.orders) <= set(it.invoices)
    assert set(it.orders.values()) <= {1}
    crowded = {license: pair for license, pair in it.seats.items() if pair[0] > pair[1] > 0}
    assert crowded == {}
    issued = it.audits["license.issue"] + it.audits["license.issue_manual"]
    assert issued == it.events["license.issued"] == it.licenses
    assert it.audits["invoice.settle"] == it.events["invoice.paid"] == it.settled
    assert it.audits["invoice.open"] == it.events["invoice.opened"] == it.invoices
    assert it.audits["machine.activate"] == it.events["machine.activated"] == it.machines
    assert it.audits["machine.deactivate"] == it.events["machine.deactivated"] == it.freed


def assert_all_is_delivered(evidence: Evidence) -> None:
    """See that it fits and that everybody who paid has a license."""
    assert_it_fits(evidence)
    assert set(evidence.licensed) == evidence.paid


def _of_main(main: apsw.Connection) -> dict[str, Any]:
    def column(sql: str) -> Counter[str]:
        return Counter(str(value) for (value,) in main.execute(sql).fetchall())

    problems = [row for row in main.execute("PRAGMA integrity_check").fetchall() if row != ("ok",)]
    problems += main.execute("PRAGMA foreign_key_check").fetchall()
    seats = main.execute(
        "SELECT id, (SELECT count(*) FROM machines WHERE license_id = licenses.id"
        " AND deactivated_at IS NULL), max_machines FROM licenses"
    ).fetchall()
    return {
        "problems": problems,
        "licenses": column("SELECT id FROM licenses"),
        "licensed": column("SELECT invoice_id FROM licenses WHERE invoice_id IS NOT NULL"),
        "settled": column("SELECT id FROM invoices WHERE status = 'settled'"),
        "invoices": column("SELECT id FROM invoices"),
        "machines": column("SELECT id FROM machines"),
        "freed": column("SELECT id FROM machines WHERE deactivated_at IS NOT NULL"),
        "seats": {str(id_): (int(str(live)), int(str(cap))) for id_, live, cap in seats},
        "audits": _audits(main),
        "events": _events(main),
    }


def _audits(main: apsw.Connection) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = _Counters()
    for action, target in main.execute("SELECT action, target_id FROM audit_log").fetchall():
        found[str(action)][str(target)] += 1
    return found


def _events(main: apsw.Connection) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = _Counters()
    for kind, body in main.execute("SELECT event_type, body FROM outbox").fetchall():
        noun = str(kind).partition(".")[0]
        data = _READ_DATA(str(body))["data"]
        found[str(kind)][str(data.get(f"{noun}_id"))] += 1
    return found


class _Counters(dict[str, Counter[str]]):
    def __missing__(self, key: str) -> Counter[str]:
        self[key] = Counter()
        return self[key]
