"""Every question the store asks often is answered from an index, at any size."""

from collections.abc import Iterator
from contextlib import closing

import apsw
import apsw.ext
import pytest

from keysat_adapters.sqlite import (
    audit_log,
    codes,
    deliveries,
    idempotency,
    inspection,
    invoices,
    licenses,
    machines,
    outbox,
    products,
    receipts,
    saved_payments,
    trail,
    webhook_endpoints,
)
from keysat_adapters.sqlite.connection import open_writer
from keysat_adapters.sqlite.migrations import migrate


@pytest.fixture(scope="module")
def connection() -> Iterator[apsw.Connection]:
    with closing(open_writer(":memory:")) as connection:
        migrate(connection)
        yield connection


def plan(connection: apsw.Connection, sql: str) -> str:
    marks = apsw.ext.query_info(connection, sql).bindings_count
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * marks).fetchall()
    return "\n".join(str(row[3]) for row in rows)


POINTS = {
    "license": licenses._BY_ID,
    "license of an invoice": licenses._FOR_INVOICE,
    "live machine": machines._LIVE,
    "live machines": machines._COUNT_LIVE,
    "product": products._BY_ID,
    "product by slug": products._BY_SLUG,
    "invoice at a provider": invoices._AT_PROVIDER,
    "idempotency key": idempotency._FIND,
    "audit row": audit_log._LINK,
    "saved payment method": saved_payments._SAVED_OF,
    "charge": saved_payments._CHARGE_OF,
    "webhook endpoint": webhook_endpoints._BY_ID,
}


@pytest.mark.parametrize("sql", POINTS.values(), ids=POINTS.keys())
def test_a_point_read_is_one_search(connection: apsw.Connection, sql: str) -> None:
    steps = plan(connection, sql).splitlines()
    assert len(steps) == 1
    assert steps[0].startswith("SEARCH")


def test_counting_seats_never_leaves_the_index(connection: apsw.Connection) -> None:
    assert "COVERING INDEX machines_seats" in plan(connection, machines._COUNT_LIVE)


def test_saved_payment_methods_are_listed_from_an_index(connection: apsw.Connection) -> None:
    assert "TEMP B-TREE" not in plan(connection, saved_payments._NEWEST)
    assert "saved_payments_due" in plan(connection, saved_payments._DUE)


SEARCHES = {
    "unresolved invoices": invoices._UNRESOLVED,
    "unmatched receipts": receipts._UNMATCHED,
    "receipts to purge": receipts._PURGE,
    "keys to purge": idempotency._PURGE,
    "audit of an action": trail._AUDIT_OF_ACTION,
    "audit chain": audit_log._PAGE,
    "licenses of a day": "SELECT count(*) FROM licenses WHERE issued_at > 1",
}


@pytest.mark.parametrize("sql", SEARCHES.values(), ids=SEARCHES.keys())
def test_a_search_reads_no_whole_table(connection: apsw.Connection, sql: str) -> None:
    steps = plan(connection, sql).splitlines()
    # What the query itself lists is gone through once, and is no table.
    own = {step.replace("CO-ROUTINE", "SCAN") for step in steps if step.startswith("CO-ROUTINE")}
    scans = [step for step in steps if step.startswith("SCAN") and step not in own]
    unindexed = [step for step in scans if "USING INDEX" not in step]
    assert unindexed == []


def test_settled_invoices_are_not_all_read_to_find_those_without_effect(
    connection: apsw.Connection,
) -> None:
    assert "INDEX invoices_without_effect" in plan(connection, invoices._UNRESOLVED)


def test_revenue_is_summed_up_by_days_and_in_the_index(connection: apsw.Connection) -> None:
    found = plan(connection, invoices._REVENUE)
    assert found.count("COVERING INDEX invoices_revenue (status=? AND settled_at>?") == 2
    assert "SEARCH revenue_days USING INTEGER PRIMARY KEY" in found


def test_sales_of_codes_are_summed_up_by_days_and_in_the_index(connection: apsw.Connection) -> None:
    found = plan(connection, codes._ATTRIBUTED)
    assert found.count("COVERING INDEX code_redemptions_redeemed") == 2
    assert "SCAN code_redemptions" not in found


ORDERED = {
    "products": products._LIST,
    "noted receipts": receipts._NOTED,
    "audit": trail._AUDIT,
    "audit chain": audit_log._PAGE,
    "events": trail._EVENTS,
    "unmatched receipts": receipts._UNMATCHED,
}


@pytest.mark.parametrize("sql", ORDERED.values(), ids=ORDERED.keys())
def test_a_list_comes_out_in_order(connection: apsw.Connection, sql: str) -> None:
    assert "TEMP B-TREE" not in plan(connection, sql)


LOOKS = {
    "newest change": inspection._NEWEST,
    "paid without license": inspection._UNFINISHED,
    "sales": inspection._SALES,
    "invoices of accounts that are gone": inspection._STRANDED,
}


@pytest.mark.parametrize("sql", LOOKS.values(), ids=LOOKS.keys())
def test_the_doctor_reads_no_large_table_whole(connection: apsw.Connection, sql: str) -> None:
    found = plan(connection, sql)
    for table in ("invoices", "licenses", "audit_log", "webhook_receipts"):
        assert f"SCAN {table}\n" not in f"{found}\n"
    assert "(status=?)" not in found


@pytest.mark.parametrize("sql", [deliveries._DUE, deliveries._STRAYED, deliveries._QUEUED])
def test_what_is_due_to_an_endpoint_comes_from_its_own_index(
    connection: apsw.Connection, sql: str
) -> None:
    steps = plan(connection, sql).splitlines()
    assert "webhook_deliveries_due" in steps[0]
    assert not any("SCAN" in step for step in steps)


def test_looking_for_due_endpoints_reads_one_end_of_each_ones_index(
    connection: apsw.Connection,
) -> None:
    steps = plan(connection, deliveries._DUE_ENDPOINTS)
    assert "SCAN webhook_deliveries" not in steps
    assert "SCAN d" not in steps
    assert steps.count("webhook_deliveries_due") >= 2


def test_events_of_a_time_come_from_their_index(connection: apsw.Connection) -> None:
    steps = plan(connection, outbox._UNQUEUED)
    assert "outbox_by_age" in steps
    assert "webhook_deliveries_of_event" in steps
