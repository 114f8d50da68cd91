"""How long the database at a glance takes: ``python -m tests.bench.database_info --rows 1000000``.

Rows are made by SQL alone, as many licenses, invoices, machines and audit rows each.
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Final

import apsw

from keysat_adapters.sqlite.store import SQLiteStore

LOOKS: Final = 5

_ID: Final = (
    "lower(hex(randomblob(4))||'-'||hex(randomblob(2))||'-4'||substr(hex(randomblob(2)),2)"
    "||'-a'||substr(hex(randomblob(2)),2)||'-'||hex(randomblob(6)))"
)
_FILL: Final = (
    "INSERT INTO products VALUES ('p','app','App','','SAT',1,1,'{}','[]',NULL,1,1)",
    (
        "CREATE TEMP TABLE ids AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"  # noqa: S608
        f" WHERE i < ?) SELECT i, {_ID} AS invoice, {_ID} AS license, {_ID} AS machine FROM n"
    ),
    (
        "INSERT INTO invoices (id, product_id, status, amount_sats, base_price_sats, redirect_url,"
        " checkout_url, created_at, updated_at, settled_at, effect_at) SELECT invoice, 'p',"
        " iif(i % 3, 'settled', 'expired'), 1, 1, '', 'https://x.example/' || invoice, i, i, i, i"
        " FROM ids"
    ),
    (
        "INSERT INTO licenses (id, product_id, invoice_id, status, issued_at, grace_seconds,"
        " max_machines, is_trial, entitlements, metadata, buyer_email, buyer_email_folded)"
        " SELECT license, 'p', invoice, iif(i % 20, 'active', 'revoked'), i, 0, 1, 0, '[]', '{}',"
        " i || '@x.example', i || '@x.example' FROM ids"
    ),
    (
        "INSERT INTO machines (id, license_id, fingerprint, fingerprint_hash, activated_at,"
        " last_heartbeat_at, deactivated_at) SELECT machine, license, i, hex(randomblob(32)), i, i,"
        " iif(i % 10, NULL, i) FROM ids"
    ),
    (
        "INSERT INTO audit_log (actor_kind, action, details, occurred_at) SELECT 'system', 'x', '{}', i"
        " FROM ids"
    ),
)


def fill(path: Path, rows: int) -> None:
    """Make a database of this many rows of each kind."""
    SQLiteStore.open(path).close()
    connection = apsw.Connection(str(path))
    connection.pragma("synchronous", "off")
    with connection:
        for sql in _FILL:
            connection.execute(sql, (rows,) if "?" in sql else ())
    connection.close()


def main() -> None:
    """Print the first look and the best of some more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keysat.db"
        fill(path, rows)
        with SQLiteStore.open(path) as store:
            took = []
            for _ in range(LOOKS):
                began_at = perf_counter()
                with store.reading() as tx:
                    found = tx.statistics.database_info().counts.licenses_total
                took.append(1_000 * (perf_counter() - began_at))
                assert found == rows
    print(f"{rows} rows of each kind: first {took[0]:.1f} ms, then {min(took[1:]):.1f} ms")


if __name__ == "__main__":
    main()
