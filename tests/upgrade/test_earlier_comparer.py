"""What compares an import with the file it was made of: it says nothing in vain and misses nothing.

The import is made by the program itself; then every table and every column of it is spoilt.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from tests.support.earlier.compare import (
    LEFT_BEHIND,
    MAPS,
    OF_ITSELF,
    activity_of,
    differences,
    unexplained,
)
from tests.support.earlier.compare_keys import key_differences
from tests.support.earlier.mapping import ROW
from tests.support.earlier.maps_logs import STRAY_EVENTS
from tests.support.earlier.maps_merchants import CONNECT_STATES, SESSIONS
from tests.support.earlier.moved import MovedShop
from tests.support.earlier.old_rows import OldShop, rows_of
from tests.support.kept_counts import drift
from tests.support.keys import UNKNOWN_ID

COMPARED: Final = [each for each in MAPS if each not in (STRAY_EVENTS, SESSIONS)]
# What an import may fill as it likes, for the earlier server had nothing of the kind.
FREE: Final = {
    ("invoices", "redirect_url"),
    ("saved_payments", "looks"),
    ("saved_payments", "invoice_id"),
    ("saved_payments", "created_at"),
    ("saved_payments", "updated_at"),
    ("subscription_cycles", "told_at"),
    ("tip_attempts", "looks"),
    ("tip_attempts", "tried_at"),
    ("tip_attempts", "updated_at"),
    ("webhook_deliveries", "sequence"),
    ("webhook_deliveries", "event_id"),
    ("audit_log", "id"),
    ("audit_log", "previous_hash"),
    ("audit_log", "hash"),
    ("validations", "id"),
    ("server_keys", "id"),
}
# Only whether there is one is compared: no old column says when.
ONLY_PRESENCE: Final = {
    ("invoices", "effect_at"),
    ("invoices", "held_at"),
    ("subscriptions", "next_action_at"),
    ("subscription_cycles", "settled_at"),
}
# What the report must say of which rows, no more and no less.
NAMED: Final = {
    ("licenses", "D1"): "D1.license",
    ("subscriptions", "D1"): "D1.subscription",
    ("subscriptions", "D3"): "D3.subscription",
    ("subscriptions", "D36"): "D36.subscription",
    ("invoices", "D12"): "D12.invoice",
    ("licenses", "D4"): "D4.license",
    ("licenses", "D33"): "B-21.license",
    ("licenses", "B-20"): "B-20.license",
    ("discount_codes", "D42"): "odd.used_count",
}
SPOILT: Final = '["spoilt"]'


def opened(path: Path) -> apsw.Connection:
    """Open a file in which everything can be written."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = off").fetchall()
    connection.execute("PRAGMA ignore_check_constraints = on").fetchall()
    watching = connection.execute(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('trigger', 'index') AND sql <> ''"
    )
    with connection:
        for kind, name in watching.fetchall():
            connection.execute(f"DROP {kind} {name}").fetchall()
    return connection


def types_in(connection: apsw.Connection, table: str) -> dict[str, str]:
    return dict(connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,)))


def files_of(path: Path) -> Iterator[tuple[bool, apsw.Connection]]:
    for is_activity, each in ((False, path), (True, activity_of(path))):
        with closing(opened(each)) as connection:
            yield is_activity, connection


def test_an_import_by_the_program_has_no_unexplained_difference_and_the_same_keys(
    moved: MovedShop,
) -> None:
    found = differences(moved.shop.path, moved.new)
    assert unexplained(found) == []
    with closing(apsw.Connection(str(moved.new))) as connection:
        assert drift(connection) == []
    assert len([each for each in found if each.explained]) > 50
    assert key_differences(moved.shop.path, moved.new) == []


def test_the_report_names_what_defects_left_and_every_row_that_changed(moved: MovedShop) -> None:
    named = defaultdict(set)
    for note in moved.notes:
        if note["kind"] == "defect":
            named[note["table"], note["rule"]].add(note["id"])
    for rule, defect in NAMED.items():
        assert named[rule] == set(moved.shop.defects[defect]), rule
    told = {note["id"] for note in moved.notes}
    changed = {
        each.id
        for each in differences(moved.shop.path, moved.new)
        if each.column != ROW and each.table != "audit_log"
    }
    assert changed - told == set()
    assert set(moved.shop.defects["B-02.audit"]) <= told


def test_every_old_column_and_every_new_one_is_looked_at(moved: MovedShop) -> None:
    old = OldShop(moved.shop.path)
    seen: dict[str, set[str]] = defaultdict(set)
    news: dict[str, set[str]] = defaultdict(set)
    for table in (*MAPS, CONNECT_STATES):
        names = {column.new for column in table.columns}
        seen[table.old] |= names | set(table.takes) | {gone.old for gone in table.gone}
        news[table.new] |= names
    for name, columns in old.columns.items():
        if name not in LEFT_BEHIND and name != "sessions":
            assert set(columns) - seen[name] == set(), name
    with closing(apsw.Connection(str(moved.new))) as connection:
        for table in COMPARED:
            if not table.is_activity:
                there = {(table.new, name) for name in types_in(connection, table.new)}
                known = {(table.new, name) for name in news[table.new]}
                assert there - known - FREE == set(), table.new


def test_it_sees_every_column_that_was_spoilt(moved: MovedShop, tmp_path: Path) -> None:
    path = moved.copy(tmp_path)
    wanted = set()
    for is_activity, connection in files_of(path):
        for table in COMPARED:
            if table.is_activity is is_activity:
                wanted |= {(table.new, name) for name in _spoil(connection, table.new)}
        if not is_activity:
            wanted |= {("webhook_deliveries", name) for name in _spoil(connection, "outbox")} & {
                ("webhook_deliveries", "body"),
                ("webhook_deliveries", "event_type"),
            }
    seen = {(each.table, each.column) for each in unexplained(differences(moved.shop.path, path))}
    compared = {(table.new, column.new) for table in COMPARED for column in table.columns}
    assert (wanted & compared) - FREE - ONLY_PRESENCE - seen == set()
    assert len(wanted & compared & seen) > 200


def test_it_sees_that_what_must_be_there_is_not(moved: MovedShop, tmp_path: Path) -> None:
    path = moved.copy(tmp_path)
    with closing(opened(path)) as connection:
        for table, column in ONLY_PRESENCE:
            connection.execute(f"UPDATE {table} SET {column} = NULL").fetchall()  # noqa: S608
    found = unexplained(differences(moved.shop.path, path))
    assert ONLY_PRESENCE - {(each.table, each.column) for each in found} == set()


def _spoil(connection: apsw.Connection, table: str) -> list[str]:
    """Change every column of one row but its key, so that the row is still known."""
    types = types_in(connection, table)
    keys = _keys(connection, table)
    spoilt = [name for name in types if name not in {*keys, "event_id", "id"}]
    changes = ", ".join(
        f"{name} = {'coalesce(' + name + ', 0) + 7' if types[name] == 'INTEGER' else '?'}"
        for name in spoilt
    )
    values = [
        b"spoilt" if types[name] == "BLOB" else SPOILT
        for name in spoilt
        if types[name] != "INTEGER"
    ]
    row = f"SELECT {', '.join(keys)} FROM {table} LIMIT 1"  # noqa: S608
    sql = f"UPDATE {table} SET {changes} WHERE ({', '.join(keys)}) = ({row})"  # noqa: S608
    connection.execute(sql, values).fetchall()
    return spoilt


def test_it_sees_a_row_missing_from_every_table(moved: MovedShop, tmp_path: Path) -> None:
    path = moved.copy(tmp_path)
    for is_activity, connection in files_of(path):
        for table in COMPARED:
            if table.is_activity is is_activity:
                keys = ", ".join(_keys(connection, table.new))
                row = f"SELECT {keys} FROM {table.new} LIMIT 1"  # noqa: S608
                sql = f"DELETE FROM {table.new} WHERE ({keys}) = ({row})"  # noqa: S608
                connection.execute(sql).fetchall()
    found = unexplained(differences(moved.shop.path, path))
    missing = {each.table for each in found if each.column == ROW and each.new is None}
    assert {table.new for table in COMPARED if not table.is_in_order} - missing == set()
    # Of logs the own note of the import comes to stand where the last old row was.
    assert {"audit_log", "validations"} <= {each.table for each in found}


def _keys(connection: apsw.Connection, table: str) -> list[str]:
    keys = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk", (table,))
    return [str(name) for (name,) in keys]


def test_it_sees_a_row_that_was_invented_in_any_table(moved: MovedShop, tmp_path: Path) -> None:
    path = moved.copy(tmp_path)
    invented = {table.new for table in (*COMPARED, STRAY_EVENTS)}
    for is_activity, connection in files_of(path):
        for table in (*COMPARED, STRAY_EVENTS):
            if table.is_activity is is_activity:
                _invent(connection, table.new)
        if not is_activity:
            sql = "INSERT INTO sessions (token_hash, created_at, expires_at, last_seen_at) VALUES ('x', 1, 2, 1)"
            connection.execute(sql).fetchall()
            connection.execute(
                "INSERT INTO charges VALUES (?, NULL, 'p', 'charged', '', '', 1, 1)", (UNKNOWN_ID,)
            ).fetchall()
    found = unexplained(differences(moved.shop.path, path))
    seen = {each.table for each in found if each.column == ROW}
    assert (invented | {"sessions", "charges"}) - {"server_keys"} - seen == set()
    assert not seen & OF_ITSELF


def _invent(connection: apsw.Connection, table: str) -> None:
    """Put a copy of a row there that has another key and no text in common with it."""
    types = types_in(connection, table)
    keys = _keys(connection, table)
    (row, *_) = rows_of(connection, f"SELECT * FROM {table} LIMIT 1")  # noqa: S608
    for name in row:
        if name in keys and types[name] == "INTEGER":
            row[name] = 1_000_000
        elif types[name] == "TEXT" and row[name] is not None:
            row[name] = f'["{table} {name}"]'
    if table == "server_keys":
        return
    marks = ", ".join("?" * len(row))
    sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608
    connection.execute(sql, tuple(row.values())).fetchall()


def test_it_sees_another_key_and_a_token_that_is_still_told(
    moved: MovedShop, tmp_path: Path
) -> None:
    path = moved.copy(tmp_path)
    token = moved.shop.session_tokens[0]
    with closing(opened(path)) as connection:
        license_id = "(SELECT id FROM licenses WHERE status = 'active' LIMIT 1)"
        for sql in (
            f"UPDATE licenses SET issued_at = issued_at + 1 WHERE id = {license_id}",  # noqa: S608
            f"UPDATE settings SET value = 'see {token}' WHERE key = 'operator_name'",  # noqa: S608
        ):
            connection.execute(sql).fetchall()
    ((changed),) = [key_differences(moved.shop.path, path)]
    assert [each.column for each in changed] == ["key"]
    found = unexplained(differences(moved.shop.path, path))
    assert ("settings", "a session's token") in {(each.table, each.new) for each in found}
    assert ("licenses", "issued_at") in {(each.table, each.column) for each in found}
