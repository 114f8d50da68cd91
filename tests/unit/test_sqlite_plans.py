"""Every question the store asks often is answered from an index, at any size."""

from collections.abc import Iterator
from contextlib import closing

import apsw
import apsw.ext
import pytest

from keysat_adapters.sqlite import (
    audit_log,
    deliveries,
    idempotency,
    inspection,
    invoice_list,
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
from keysat_core.domain.ids import (
    LicenseId,
    PolicyId,
    ProductId,
    ProviderAccountId,
    WebhookEndpointId,
)
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import InvoiceFilter, LicenseFilter, MachineFilter
from keysat_core.domain.webhook_delivery import DeliveryFilter, DeliveryStatus


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


LICENSE_PAGES = {
    "all": LicenseFilter(),
    "of a product": LicenseFilter(product_id=ProductId("x")),
    "of a tier": LicenseFilter(policy_id=PolicyId("x")),
    "by status": LicenseFilter(status=LicenseStatus.ACTIVE),
    "by e-mail": LicenseFilter(buyer_email="x"),
    "by npub": LicenseFilter(nostr_npub="x"),
}


@pytest.mark.parametrize("criteria", LICENSE_PAGES.values(), ids=LICENSE_PAGES.keys())
def test_a_page_of_licenses_needs_no_sorting(
    connection: apsw.Connection, criteria: LicenseFilter
) -> None:
    found = plan(connection, licenses.list_statement(criteria)[0])
    assert "TEMP B-TREE" not in found
    assert "USING INDEX licenses_" in found


def test_a_license_is_searched_by_its_invoice(connection: apsw.Connection) -> None:
    found = plan(connection, licenses.list_statement(LicenseFilter(invoice_id="x"))[0])
    assert "SCAN" not in found


INVOICE_PAGES = {
    "all": (InvoiceFilter(), "invoices_by_age"),
    "by status": (InvoiceFilter(status=InvoiceStatus.PENDING), "invoices_by_status"),
    "of a product": (InvoiceFilter(product_id=ProductId("x")), "invoices_by_age_of_product"),
    "by e-mail": (InvoiceFilter(buyer_email="x"), "invoices_by_email"),
    "of an account": (
        InvoiceFilter(provider_account_id=ProviderAccountId("x")),
        "invoices_by_age_of_provider",
    ),
    "to look at": (InvoiceFilter(is_attention_needed=True), "invoices_with_attention"),
}


@pytest.mark.parametrize(("criteria", "index"), INVOICE_PAGES.values(), ids=INVOICE_PAGES.keys())
def test_a_page_of_invoices_needs_no_sorting(
    connection: apsw.Connection, criteria: InvoiceFilter, index: str
) -> None:
    found = plan(connection, invoice_list.list_statement(criteria)[0])
    assert "TEMP B-TREE" not in found
    assert f"INDEX {index}" in found.splitlines()[0]


@pytest.mark.parametrize(("criteria", "index"), INVOICE_PAGES.values(), ids=INVOICE_PAGES.keys())
def test_invoices_are_counted_in_an_index(
    connection: apsw.Connection, criteria: InvoiceFilter, index: str
) -> None:
    del index
    found = plan(connection, invoice_list.count_statement(criteria)[0])
    assert "INDEX invoices_" in found


def test_an_invoice_is_searched_by_either_id(connection: apsw.Connection) -> None:
    criteria = InvoiceFilter(invoice_id="x")
    for sql, _ in (invoice_list.list_statement(criteria), invoice_list.count_statement(criteria)):
        assert "SCAN" not in plan(connection, sql)


def test_saved_payment_methods_are_listed_from_an_index(connection: apsw.Connection) -> None:
    assert "TEMP B-TREE" not in plan(connection, saved_payments._NEWEST)
    assert "saved_payments_due" in plan(connection, saved_payments._DUE)


MACHINE_PAGES = {
    "all": MachineFilter(is_inactive_included=True),
    "live": MachineFilter(),
    "of a license": MachineFilter(license_id=LicenseId("x")),
    "of a product": MachineFilter(product_id=ProductId("x")),
}


@pytest.mark.parametrize("criteria", MACHINE_PAGES.values(), ids=MACHINE_PAGES.keys())
def test_a_page_of_machines_needs_no_sorting(
    connection: apsw.Connection, criteria: MachineFilter
) -> None:
    assert "TEMP B-TREE" not in plan(connection, machines.list_statement(criteria)[0])


SEARCHES = {
    "unresolved invoices": invoices._UNRESOLVED,
    "revenue of a window": f"{invoices._REVENUE} AND settled_at > 1",
    "unmatched receipts": receipts._UNMATCHED,
    "receipts to purge": receipts._PURGE,
    "keys to purge": idempotency._PURGE,
    "audit of an action": trail._AUDIT_OF_ACTION,
    "audit page of an action": audit_log._LIST_OF_ACTION,
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


def test_revenue_is_summed_up_in_the_index(connection: apsw.Connection) -> None:
    for sql in (invoices._REVENUE, f"{invoices._REVENUE} AND settled_at > 1"):
        assert "COVERING INDEX invoices_revenue" in plan(connection, sql)


ORDERED = {
    "products": products._LIST,
    "noted receipts": receipts._NOTED,
    "audit": trail._AUDIT,
    "audit page": audit_log._LIST,
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


@pytest.mark.parametrize(
    ("criteria", "index"),
    [
        (DeliveryFilter(), ""),
        (DeliveryFilter(status=DeliveryStatus.DEAD), "webhook_deliveries_by_status"),
        (
            DeliveryFilter(endpoint_id=WebhookEndpointId("x"), status=DeliveryStatus.DEAD),
            "webhook_deliveries_of_endpoint",
        ),
    ],
)
def test_a_page_of_deliveries_is_read_in_order(
    connection: apsw.Connection, criteria: DeliveryFilter, index: str
) -> None:
    where, _ = deliveries._matching(criteria)
    sql = deliveries.DELIVERIES.select(
        f"{deliveries._JOINED} {where} {deliveries._PAGE}", also=deliveries._WHOLE
    )
    steps = plan(connection, sql)
    assert "TEMP B-TREE" not in steps
    assert index in steps


def test_events_of_a_time_come_from_their_index(connection: apsw.Connection) -> None:
    steps = plan(connection, outbox._UNQUEUED)
    assert "outbox_by_age" in steps
    assert "webhook_deliveries_of_event" in steps
