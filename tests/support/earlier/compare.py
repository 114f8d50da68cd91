"""A file of the earlier server against the file an import made of it, by SQL alone.

``differences`` uses no importer and no store. Instants are compared in whole seconds (decisions
23), documents however they are spelled, everything else byte for byte.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from tests.support.earlier.mapping import ROW, Difference, TableMap, differences_of
from tests.support.earlier.maps_catalog import CODES, POLICIES, PRODUCTS, REDEMPTIONS
from tests.support.earlier.maps_logs import (
    AUDIT,
    DELIVERIES,
    ENDPOINTS,
    STRAY_EVENTS,
    VALIDATIONS,
    is_login,
)
from tests.support.earlier.maps_merchants import (
    API_KEYS,
    CONNECT_STATES,
    PROFILES,
    PROVIDERS,
    RAIL_PREFERENCES,
    SERVER_KEYS,
    SESSIONS,
    SETTINGS,
)
from tests.support.earlier.maps_sales import INVOICES, LICENSES, MACHINES
from tests.support.earlier.maps_subscriptions import (
    CARDS,
    CYCLES,
    SUBSCRIPTIONS,
)
from tests.support.earlier.maps_tiers import TIER_CHANGES, TIPS
from tests.support.earlier.old_rows import OldShop, rows_of

MAPS: Final[tuple[TableMap, ...]] = (
    PROFILES,
    PROVIDERS,
    RAIL_PREFERENCES,
    SERVER_KEYS,
    PRODUCTS,
    POLICIES,
    INVOICES,
    LICENSES,
    MACHINES,
    CODES,
    REDEMPTIONS,
    SUBSCRIPTIONS,
    CYCLES,
    CARDS,
    TIER_CHANGES,
    TIPS,
    ENDPOINTS,
    DELIVERIES,
    STRAY_EVENTS,
    API_KEYS,
    SETTINGS,
    SESSIONS,
    AUDIT,
    VALIDATIONS,
)
LEFT_BEHIND: Final = {
    "_sqlx_migrations": "lifecycles 13.2: the old ledger stays in the old file",
    "rate_buckets": "lifecycles 14.2: a new bucket starts full",
}
OF_ITSELF: Final = {
    "schema_migrations",
    "row_counts",
    "revenue_days",
    "product_days",
    "license_days",
    "subscription_days",
    "renewal_days",
    "recurring_prices",
    "code_spans",
    "audit_days",
}
"""Tables that the new file keeps of its other ones."""


def differences(old: Path, new: Path) -> list[Difference]:
    """Give everything of the new file that is not as in the old one, explained or not."""
    with closing(_reading(new)) as main, closing(_reading(activity_of(new))) as activity:
        shop = OldShop(old, imported_at=_imported_at(main))
        found = [
            each
            for table in MAPS
            for each in differences_of(
                table, shop, _rows(activity if table.is_activity else main, table)
            )
        ]
        found += _consent_links(shop, main)
        found += _left_behind(shop)
        found += _invented(main)
        found += _told_secrets(shop, (main, activity))
    return found


def unexplained(found: list[Difference]) -> list[Difference]:
    """Give those that nothing demands."""
    return [each for each in found if each.explained is None]


def activity_of(path: Path) -> Path:
    """Give the file of validations and heartbeats beside a new one."""
    return path.with_name(f"{path.stem}-activity.db")


def _reading(path: Path) -> apsw.Connection:
    if not path.exists():
        return apsw.Connection(":memory:")
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)


def _rows(connection: apsw.Connection, table: TableMap) -> list[dict[str, object]]:
    return rows_of(connection, table.query()) if table.new in _tables(connection) else []


def _tables(connection: apsw.Connection) -> set[str]:
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    return {str(name) for (name,) in connection.execute(sql)}


def _imported_at(main: apsw.Connection) -> int:
    """Say when the import began: what it judged by the clock is judged by that."""
    sql = "SELECT max(occurred_at) FROM audit_log WHERE action = 'database.import'"
    ((instant,),) = main.execute(sql).fetchall()
    return int(str(instant or 0))


def _consent_links(shop: OldShop, main: apsw.Connection) -> Iterator[Difference]:
    """Compare links given out: all are there by their hashes, or none is."""
    rows = _rows(main, CONNECT_STATES)
    if rows:
        yield from differences_of(CONNECT_STATES, shop, rows)
    elif shop.tables[CONNECT_STATES.old]:
        yield _gone(CONNECT_STATES.old, "admin-api 2.15: a link is good for 30 minutes", shop)


def _left_behind(shop: OldShop) -> Iterator[Difference]:
    for table, why in LEFT_BEHIND.items():
        yield _gone(table, why, shop)
    yield _gone("sessions", "admin-api B-02: all sessions are dropped", shop)


def _gone(table: str, why: str, shop: OldShop) -> Difference:
    count = len(shop.tables[table])
    return Difference(table=table, id=ROW, column=ROW, old=count, new=0, explained=why)


def _invented(main: apsw.Connection) -> Iterator[Difference]:
    known = {table.new for table in (*MAPS, CONNECT_STATES)} | OF_ITSELF
    for name in sorted(_tables(main) - known):
        ((count,),) = main.execute(f"SELECT count(*) FROM {name}")  # noqa: S608
        if count:
            yield Difference(
                table=name, id=ROW, column=ROW, old=0, new=int(str(count)), explained=None
            )


def _told_secrets(shop: OldShop, connections: tuple[apsw.Connection, ...]) -> Iterator[Difference]:
    """Look for the tokens of sessions, signed in now or once, in every text there is (B-02)."""
    tokens = {row["token"] for row in shop.tables["sessions"]}
    tokens |= {row["target_id"] for row in shop.tables["audit_log"] if is_login(row)}
    for connection in connections:
        for name in sorted(_tables(connection)):
            for row in rows_of(connection, f"SELECT * FROM {name}"):  # noqa: S608
                for column, cell in row.items():
                    if isinstance(cell, str) and any(token in cell for token in tokens):
                        id_ = str(row.get("id", ROW))
                        yield Difference(
                            table=name,
                            id=id_,
                            column=column,
                            old=None,
                            new="a session's token",
                            explained=None,
                        )
