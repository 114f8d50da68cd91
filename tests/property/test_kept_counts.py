"""Counts and sums that are kept beside long tables are those of the tables, whatever happens to them."""

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_adapters.sqlite.connection import MEMORY, create_file, open_writer
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.migrations import migrate
from tests.support.kept_counts import drift

OURS = next(one for one in packaged_migrations() if one.name == "long_lists")
DAY = 86_400

SHOP = """
INSERT INTO merchant_profiles (id, name, is_default, created_at, updated_at) VALUES ('m', 'M', 1, 1, 1);
INSERT INTO payment_providers (id, merchant_profile_id, kind, label, served_rails, base_url, connected_at,
    updated_at) VALUES ('z', 'm', 'sandbox', 'Z', '[]', '', 1, 1);
INSERT INTO products VALUES ('p1', 'p1', 'P', '', 'SAT', 5, 1, '{}', '[]', NULL, 1, 1);
INSERT INTO products VALUES ('p2', 'p2', 'P', '', 'SAT', 5, 1, '{}', '[]', NULL, 1, 1);
INSERT INTO policies VALUES ('t1', 'p1', 't', 'T', 0, 0, 1, 0, NULL, '[]', '{}', NULL, 0, NULL, 1, 1, 0, 0, 0,
    0, NULL, NULL, 1, 1);
INSERT INTO discount_codes VALUES ('c', 'C', 'percent', 1, 'SAT', 'once', NULL, 0, NULL, NULL, '[]', NULL, '',
    1, 0, 1, 1);
INSERT INTO webhook_endpoints (id, url, secret, event_types, active, description, created_at, updated_at)
    VALUES ('w', 'https://w.example', 's', '["*"]', 1, '', 1, 1);
INSERT INTO outbox (id, event_type, is_published, body, occurred_at) VALUES ('e', 'x', 1, '{}', 1);
"""

IDS = st.sampled_from(["a", "b", "c"])
TIMES = st.integers(0, 4 * DAY) | st.integers(0, 99 * DAY)


def upsert(table: str, values: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    names = ", ".join(values)
    changes = ", ".join(f"{name} = excluded.{name}" for name in values if name != "id")
    marks = ", ".join("?" * len(values))
    sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}"  # noqa: S608
    return sql, tuple(values.values())


LICENSES = st.fixed_dictionaries(
    {
        "id": IDS,
        "product_id": st.sampled_from(["p1", "p2"]),
        "policy_id": st.sampled_from([None, "t1"]),
        "status": st.sampled_from(["active", "suspended", "revoked"]),
        "issued_at": TIMES,
        "suspended_at": st.none() | TIMES,
        "revoked_at": st.none() | TIMES,
        "grace_seconds": st.just(0),
        "max_machines": st.just(1),
        "is_trial": st.just(0),
        "entitlements": st.just("[]"),
        "metadata": st.just("{}"),
    }
)
INVOICES = st.fixed_dictionaries(
    {
        "id": IDS,
        "product_id": st.sampled_from(["p1", "p2"]),
        "payment_provider_id": st.sampled_from([None, "z"]),
        "status": st.sampled_from(["pending", "settled", "expired"]),
        "amount_sats": st.integers(0, 3),
        "base_price_sats": st.just(1),
        "redirect_url": st.just(""),
        "checkout_url": st.just(""),
        "created_at": TIMES,
        "updated_at": TIMES,
        "settled_at": st.one_of(st.none(), TIMES),
    }
)
MACHINES = st.fixed_dictionaries(
    {
        "id": IDS,
        "license_id": st.just("l1"),
        "fingerprint": IDS,
        "fingerprint_hash": IDS,
        "activated_at": TIMES,
        "last_heartbeat_at": TIMES,
        "deactivated_at": st.one_of(st.none(), TIMES),
    }
)
REDEMPTIONS = st.fixed_dictionaries(
    {
        "id": IDS,
        "code_id": st.just("c"),
        "invoice_id": IDS,
        "status": st.sampled_from(["pending", "redeemed", "cancelled"]),
        "discount_applied_sats": st.integers(0, 3),
        "base_price_sats": st.just(3),
        "final_price_sats": st.integers(0, 3),
        "created_at": TIMES,
        "updated_at": TIMES,
    }
)
DELIVERIES = st.fixed_dictionaries(
    {
        "id": IDS,
        "endpoint_id": st.just("w"),
        "event_id": st.just("e"),
        "status": st.sampled_from(["dead"]),
        "attempts": st.just(1),
        "created_at": TIMES,
    }
) | st.fixed_dictionaries(
    {
        "id": IDS,
        "endpoint_id": st.just("w"),
        "event_id": st.just("e"),
        "status": st.just("delivered"),
        "delivered_at": TIMES,
        "attempts": st.just(1),
        "created_at": TIMES,
    }
)
SUBSCRIPTIONS = st.fixed_dictionaries(
    {
        "id": IDS,
        "license_id": IDS,
        "product_id": st.sampled_from(["p1", "p2"]),
        "policy_id": st.just("t1"),
        "status": st.sampled_from(["active", "past_due", "lapsed"]),
        "period_days": st.sampled_from([7, 30]),
        "grace_period_days": st.integers(0, 9),
        "license_grace_seconds": st.just(0),
        "listed_currency": st.sampled_from(["SAT", "USD"]),
        "listed_value": st.integers(0, 9),
        "started_at": TIMES,
        "next_renewal_at": TIMES,
        "cancelled_at": st.none(),
        "consecutive_failures": st.just(0),
        "updated_at": TIMES,
    }
)
CANCELLED = st.tuples(SUBSCRIPTIONS, TIMES).map(
    lambda pair: pair[0] | {"status": "cancelled", "cancelled_at": pair[1]}
)
CHANGES = st.one_of(
    st.tuples(st.just("licenses"), LICENSES),
    st.tuples(st.just("invoices"), INVOICES),
    st.tuples(st.just("machines"), MACHINES),
    st.tuples(st.just("code_redemptions"), REDEMPTIONS),
    st.tuples(st.just("webhook_deliveries"), DELIVERIES),
    st.tuples(st.just("subscriptions"), SUBSCRIPTIONS | CANCELLED),
    st.tuples(
        st.sampled_from(
            [
                "licenses",
                "invoices",
                "machines",
                "code_redemptions",
                "webhook_deliveries",
                "subscriptions",
            ]
        ),
        IDS,
    ),
)
AUDIT = (
    "INSERT INTO audit_log (actor_kind, action, target_kind, details, occurred_at)"
    " VALUES (?, ?, ?, '{}', ?)"
)


def shop_of(connection: apsw.Connection) -> None:
    connection.execute(SHOP).fetchall()
    connection.execute(*upsert("licenses", LICENSE_OF_MACHINES)).fetchall()


LICENSE_OF_MACHINES: dict[str, Any] = {
    "id": "l1",
    "product_id": "p1",
    "policy_id": None,
    "status": "active",
    "issued_at": 1,
    "grace_seconds": 0,
    "max_machines": 0,
    "is_trial": 0,
    "entitlements": "[]",
    "metadata": "{}",
}


def change(connection: apsw.Connection, table: str, what: dict[str, Any] | str) -> None:
    # What breaks a rule of the schema is undone, and with it whatever a trigger did.
    try:
        if isinstance(what, str):
            connection.execute(f"DELETE FROM {table} WHERE id = ?", (what,)).fetchall()  # noqa: S608
        else:
            connection.execute(*upsert(table, what)).fetchall()
    except apsw.ConstraintError:
        pass


@settings(max_examples=60)
@given(changes=st.lists(CHANGES, max_size=30), audits=st.lists(TIMES, max_size=6))
def test_kept_counts_are_those_of_the_tables(
    changes: list[tuple[str, dict[str, Any] | str]], audits: list[int]
) -> None:
    with closing(open_writer(MEMORY)) as connection:
        migrate(connection)
        shop_of(connection)
        for table, what in changes:
            change(connection, table, what)
        for place, at in enumerate(audits):
            entry = ("cli", f"a.{place % 2}", "license" if place % 3 else None, at)
            connection.execute(AUDIT, entry).fetchall()
        assert drift(connection) == []


@settings(max_examples=20)
@given(changes=st.lists(CHANGES, max_size=30), audits=st.lists(TIMES, max_size=6))
def test_an_older_database_is_counted_when_it_is_brought_up_to_date(
    changes: list[tuple[str, dict[str, Any] | str]], audits: list[int]
) -> None:
    with closing(open_writer(MEMORY)) as connection:
        migrate(connection, packaged_migrations()[: OURS.version - 1])
        shop_of(connection)
        for table, what in changes:
            change(connection, table, what)
        for at in audits:
            connection.execute(AUDIT, ("cli", "a", None, at)).fetchall()
        migrate(connection)
        assert drift(connection) == []
        change(connection, "machines", "a")
        assert drift(connection) == []


def test_an_audit_log_is_still_sealed_after_the_migration(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    create_file(path)
    with closing(open_writer(path)) as connection:
        migrate(connection, packaged_migrations()[: OURS.version - 1])
        connection.execute(AUDIT, ("cli", "a", None, 5)).fetchall()
        before = connection.execute("SELECT * FROM audit_log").fetchall()
        migrate(connection)
        assert connection.execute("SELECT * FROM audit_log").fetchall() == before
