"""A database file in which everything a shop does has left rows, and ways to look at it raw."""

from contextlib import closing
from pathlib import Path

import apsw

from keysat_core.domain.license import key_of
from tests.support.trade import open_trade

Rows = dict[str, list[tuple[object, ...]]]


def stock(path: Path) -> list[str]:
    """Make a database with a sale that was paid, one that was not, a seat and a license by hand.

    Give the keys that must validate for ever.
    """
    trade = open_trade(path)
    paid = trade.sell(buyer_email="b@example.com")
    trade.provider.pay(paid.id)
    trade.note(trade.provider.webhook_of(paid.id))
    trade.reconcile()
    trade.sell()
    issued = trade.issue(policy_slug=trade.shop.policy.slug, max_machines=0)
    trade.validate(issued.key, "seated")
    sold = trade.license_for(paid.id)
    assert sold is not None
    keys = [issued.key, key_of(sold, trade.keys.signing_key())]
    trade.close()
    return keys


def run(path: Path, *statements: str) -> None:
    """Change a database as no program of ours would."""
    with closing(apsw.Connection(str(path))) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


def rows_in(path: Path) -> Rows:
    """Give every row of every table but the ledger."""
    with closing(apsw.Connection(str(path))) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            " AND name <> 'schema_migrations'"
        ).fetchall()
        return {
            str(name): connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()  # noqa: S608
            for (name,) in tables
        }


def schema_in(path: Path) -> list[tuple[object, ...]]:
    """Give the schema as SQLite keeps it."""
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute(
            "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
        ).fetchall()


def bytes_of(path: Path) -> dict[str, bytes]:
    """Give every byte that a database consists of; ``-shm`` is only shared memory."""
    found = path.parent.glob(f"{path.name}*")
    return {each.name: each.read_bytes() for each in found if not each.name.endswith("-shm")}
