"""Every page of every long list, and every total, comes from an index whose order is the list's."""

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import apsw
import apsw.ext
import pytest

from keysat_adapters import sqlite
from keysat_adapters.sqlite import (
    audit_list,
    deliveries,
    figures,
    invoice_list,
    licenses,
    machines,
    search,
    subscriptions,
    tips,
)
from keysat_adapters.sqlite.connection import open_writer
from keysat_adapters.sqlite.list_query import ListQuery, Span, kept_count
from keysat_adapters.sqlite.migrations import migrate
from keysat_adapters.sqlite.session import Session
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.ids import (
    LicenseId,
    PolicyId,
    ProductId,
    ProviderAccountId,
    WebhookEndpointId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import (
    InvoiceFilter,
    LicenseFilter,
    MachineFilter,
    Place,
    SubscriptionFilter,
    Total,
)
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.domain.tip import TipFilter
from keysat_core.domain.webhook_delivery import DeliveryFilter, DeliveryStatus

LONG: Final = (
    "audit_log",
    "code_redemptions",
    "invoices",
    "licenses",
    "machines",
    "outbox",
    "subscriptions",
    "tier_changes",
    "tip_attempts",
    "webhook_deliveries",
    "webhook_receipts",
)
"""Tables that grow with every sale, machine or event."""

WALKED: Final = {"trail._LAST_HASH", "trail._AUDIT", "trail._EVENTS", "statistics._NEWEST"}
"""Read from one end of the table in the order of its rows, a bounded number of them."""

AT: Final = Instant(1)
HERE: Final = Place(AT, "x")
PRODUCT, POLICY = ProductId("x"), PolicyId("x")

PAGES: Final[dict[str, list[tuple[Any, str]]]] = {
    "licenses": [
        (LicenseFilter(), "licenses_by_issue"),
        (LicenseFilter(since=AT, until=AT), "licenses_by_issue (issued_at>? AND issued_at<?)"),
        (LicenseFilter(behind=HERE), "licenses_by_issue ((issued_at,id)<(?,?))"),
        (LicenseFilter(product_id=PRODUCT), "licenses_of_product"),
        (LicenseFilter(product_id=PRODUCT, policy_id=POLICY), "licenses_of_policy"),
        (LicenseFilter(product_id=PRODUCT, status=LicenseStatus.ACTIVE), "licenses_of_product"),
        (
            LicenseFilter(product_id=PRODUCT, status=LicenseStatus.REVOKED),
            "licenses_not_active_of_product (product_id=? AND status=?",
        ),
        (
            LicenseFilter(policy_id=POLICY, status=LicenseStatus.SUSPENDED, behind=HERE),
            "licenses_not_active_of_policy (policy_id=? AND status=?",
        ),
        (LicenseFilter(status=LicenseStatus.ACTIVE), "licenses_by_status"),
        (LicenseFilter(status=LicenseStatus.REVOKED), "licenses_by_status"),
        (LicenseFilter(buyer_email="x", product_id=PRODUCT), "licenses_by_email"),
        (
            LicenseFilter(buyer_email="x", status=LicenseStatus.REVOKED, product_id=PRODUCT),
            "licenses_by_email",
        ),
        (LicenseFilter(nostr_npub="x", status=LicenseStatus.ACTIVE), "licenses_by_npub"),
        (LicenseFilter(invoice_id="x", product_id=PRODUCT), "sqlite_autoindex_licenses_2"),
    ],
    "invoice_list": [
        (InvoiceFilter(), "invoices_by_age"),
        (InvoiceFilter(since=AT, behind=HERE), "invoices_by_age"),
        (InvoiceFilter(status=InvoiceStatus.PENDING), "invoices_by_status"),
        (InvoiceFilter(product_id=PRODUCT), "invoices_by_age_of_product"),
        (
            InvoiceFilter(product_id=PRODUCT, status=InvoiceStatus.INVALID),
            "invoices_by_status_of_product (product_id=? AND status=?)",
        ),
        (InvoiceFilter(buyer_email="x", product_id=PRODUCT), "invoices_by_email"),
        (
            InvoiceFilter(provider_account_id=ProviderAccountId("x")),
            "invoices_by_age_of_provider",
        ),
        (
            InvoiceFilter(provider_account_id=ProviderAccountId("x"), status=InvoiceStatus.PENDING),
            "invoices_by_status_of_provider (payment_provider_id=? AND status=?)",
        ),
        (InvoiceFilter(is_attention_needed=True, product_id=PRODUCT), "invoices_with_attention"),
        (InvoiceFilter(invoice_id="x", status=InvoiceStatus.PENDING), "sqlite_autoindex_invoices"),
    ],
    "machines": [
        (MachineFilter(), "COVERING INDEX machines_by_heartbeat"),
        (MachineFilter(is_inactive_included=True), "COVERING INDEX machines_by_heartbeat"),
        (MachineFilter(product_id=PRODUCT), "COVERING INDEX machines_of_product"),
        (
            MachineFilter(product_id=PRODUCT, is_inactive_included=True),
            "COVERING INDEX machines_of_product",
        ),
        (MachineFilter(license_id=LicenseId("x"), product_id=PRODUCT), "machines_of_license"),
        (
            MachineFilter(license_id=LicenseId("x"), is_inactive_included=True),
            "machines_of_license",
        ),
    ],
    "subscriptions": [
        (SubscriptionFilter(), "subscriptions_by_age"),
        (
            SubscriptionFilter(status=SubscriptionStatus.LAPSED),
            "subscriptions_by_status",
        ),
        (
            SubscriptionFilter(product_id=PRODUCT),
            "subscriptions_by_age_of_product",
        ),
        (
            SubscriptionFilter(product_id=PRODUCT, status=SubscriptionStatus.PAST_DUE),
            "subscriptions_by_status_of_product (product_id=? AND status=?)",
        ),
        (
            SubscriptionFilter(license_id=LicenseId("x"), product_id=PRODUCT),
            "sqlite_autoindex_subscriptions_2",
        ),
    ],
    "deliveries": [
        (DeliveryFilter(), ""),
        (DeliveryFilter(status=DeliveryStatus.DEAD), "webhook_deliveries_by_status"),
        (
            DeliveryFilter(endpoint_id=WebhookEndpointId("x")),
            "webhook_deliveries_by_age_of_endpoint",
        ),
        (
            DeliveryFilter(endpoint_id=WebhookEndpointId("x"), status=DeliveryStatus.DEAD),
            "webhook_deliveries_of_endpoint (endpoint_id=? AND status=?)",
        ),
    ],
    "tips": [
        (TipFilter(), "tip_attempts_by_age"),
        (TipFilter(recipient="x"), "tip_attempts_by_recipient"),
        (TipFilter(license_id=LicenseId("x"), recipient="x"), "tip_attempts_of_license"),
    ],
}
"""By the module of each list: filters, and the index that must lead to their page."""

STATEMENTS: Final[dict[str, Any]] = {
    "licenses": licenses.list_statement,
    "invoice_list": invoice_list.list_statement,
    "machines": machines.list_statement,
    "subscriptions": subscriptions.list_statement,
    "deliveries": deliveries.list_statement,
    "tips": tips.list_statement,
}
CASES: Final = [
    pytest.param(name, criteria, index, id=f"{name}-{index or 'whole'}-{number}")
    for name, cases in PAGES.items()
    for number, (criteria, index) in enumerate(cases)
]


@pytest.fixture(scope="module")
def connection() -> Iterator[apsw.Connection]:
    with closing(open_writer(":memory:")) as connection:
        migrate(connection)
        yield connection


def plan(connection: apsw.Connection, sql: str) -> list[tuple[int, int, str]]:
    marks = apsw.ext.query_info(connection, sql).bindings_count
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * marks).fetchall()
    return [(int(str(row[0])), int(str(row[1])), str(row[3])) for row in rows]


def refuse_whole_tables(steps: list[tuple[int, int, str]]) -> None:
    """A scan in the order of an index ends with the page; any other reads all rows."""
    for _, _, step in steps:
        table = step.split()[1] if step.startswith("SCAN") else ""
        assert table not in LONG or "INDEX" in step, step


def modules() -> dict[str, Any]:
    names = [module.name for module in pkgutil.iter_modules(sqlite.__path__)]
    return {name: importlib.import_module(f"{sqlite.__name__}.{name}") for name in names}


@pytest.mark.parametrize(("name", "criteria", "index"), CASES)
def test_a_page_is_found_in_its_index_in_order(
    connection: apsw.Connection, name: str, criteria: Any, index: str
) -> None:
    sql, _ = STATEMENTS[name](criteria)
    steps = plan(connection, sql)
    outermost = {parent for _, parent, _ in steps if parent == 0}
    assert index in "\n".join(step for _, _, step in steps)
    if index:
        refuse_whole_tables(steps)
    # The page itself is put in order; what it is cut from never is.
    sorted_ = [parent for _, parent, step in steps if "TEMP B-TREE FOR ORDER BY" in step]
    within = [parent for parent in sorted_ if parent not in outermost]
    is_search = "autoindex" in index
    assert not within or is_search


@pytest.mark.parametrize("criteria", [MachineFilter(offset=9), MachineFilter(product_id=PRODUCT)])
def test_machines_are_walked_in_the_same_index_from_either_end(
    connection: apsw.Connection, criteria: MachineFilter
) -> None:
    ahead = plan(connection, machines.list_statement(criteria)[0])
    far = MachineFilter(product_id=criteria.product_id, offset=90)
    sql, values = machines.list_statement(far, Total(100))
    assert "ASC" in sql
    assert values[-2:] == (10, 0)
    assert [step for *_, step in plan(connection, sql)] == [step for *_, step in ahead]


@pytest.mark.parametrize("total", range(9))
def test_a_page_is_the_same_from_either_end(total: int) -> None:
    whole = list(range(total))
    for limit in range(1, total + 3):
        for offset in range(total + 3):
            span = Span(limit, offset).from_nearer_end(total)
            walked = whole[::-1] if span.is_backward else whole
            page = walked[span.offset : span.offset + span.limit]
            assert sorted(page) == whole[offset : offset + limit]


def test_every_list_has_its_pages_checked_here() -> None:
    found = {name: getattr(module, "list_statement", None) for name, module in modules().items()}
    made = {
        name for name, spell in found.items() if spell and spell.__module__.endswith(f".{name}")
    }
    assert made == PAGES.keys() == STATEMENTS.keys()


def test_no_statement_of_the_store_reads_a_long_table_whole(connection: apsw.Connection) -> None:
    checked = 0
    for module_name, module in modules().items():
        for name, sql in vars(module).items():
            if not isinstance(sql, str) or not sql.startswith("SELECT") or "{" in sql:
                continue
            if f"{module_name}.{name}" in WALKED or module_name in {
                "heartbeats",
                "validation_log",
                "validation_days",
                # Verifying a whole database reads it whole.
                "snapshot",
                "removals",
            }:
                continue
            refuse_whole_tables(plan(connection, sql))
            checked += 1
    assert checked > 60


TOTALS: Final[dict[str, ListQuery]] = {
    "licenses of an e-mail": licenses.list_query(LicenseFilter(buyer_email="x")),
    "licenses of an invoice": licenses.list_query(LicenseFilter(invoice_id="x")),
    "licenses of a time": licenses.list_query(LicenseFilter(since=AT, product_id=PRODUCT)),
    "invoices of an e-mail": invoice_list.list_query(InvoiceFilter(buyer_email="x")),
    "invoices to look at": invoice_list.list_query(InvoiceFilter(is_attention_needed=True)),
    "machines of a license": machines.list_query(MachineFilter(license_id=LicenseId("x"))),
    "tips of a recipient": tips.list_query(TipFilter(recipient="x")),
    "subscription of a license": subscriptions.list_query(
        SubscriptionFilter(license_id=LicenseId("x"))
    ),
}


@pytest.mark.parametrize("query", TOTALS.values(), ids=TOTALS.keys())
def test_what_is_counted_is_searched_in_an_index(
    connection: apsw.Connection, query: ListQuery
) -> None:
    steps = [step for _, _, step in plan(connection, query.bounded_count())]
    assert any("INDEX" in step for step in steps)
    refuse_whole_tables([(0, 0, step) for step in steps])


def test_kept_counts_are_searched_by_their_table(connection: apsw.Connection) -> None:
    for keys in ((), ("x",), (None, "x"), (None, None, "x"), ("x", "x", "x")):
        sql, _ = kept_count("licenses", keys)
        assert "SEARCH row_counts USING PRIMARY KEY (counted=?" in str(plan(connection, sql))


LOOKED_UP: Final[dict[str, str]] = {
    "licenses": search._LICENSES,
    "licenses of a buyer": search._LICENSES_OF,
    "licenses that end soon": licenses._EXPIRING,
    "buyers": search._BUYERS,
    "payers": search._PAYERS,
    "invoices": search._INVOICES,
    "invoices at a provider": search._INVOICES_THERE,
    "machines": search._MACHINES,
    "fingerprints": search._FINGERPRINTS,
    "hosts": search._HOSTS,
    "codes": search._CODES,
    "products by slug": search._PRODUCTS_BY_SLUG,
    "products by name": search._PRODUCTS_BY_NAME,
    "policies by slug": search._POLICIES_BY_SLUG,
    "policies by name": search._POLICIES_BY_NAME,
    "product days": figures._PRODUCT_DAYS,
    "license days": figures._LICENSE_DAYS,
    "renewal days": figures._RENEWALS,
    "subscription days": figures._FLOW,
}
"""What a search and the overview ask."""


@pytest.mark.parametrize("sql", LOOKED_UP.values(), ids=LOOKED_UP.keys())
def test_what_an_operator_looks_for_is_searched_in_an_index(
    connection: apsw.Connection, sql: str
) -> None:
    steps = [step for _, _, step in plan(connection, sql)]
    assert any(step.startswith("SEARCH") for step in steps)
    scanned = {step.split()[1].split("-")[0] for step in steps if step.startswith("SCAN")}
    # A step of a recursion, a subquery, the value of an IN.
    assert scanned <= {"found", "(subquery", "CONSTANT", "best"}, steps
    if "_days" not in sql:
        assert "TEMP B-TREE" not in str(steps), "it would read all that begins alike"


AUDIT_FILTERS: Final = {
    "actor_kind": "audit_log_by_actor_kind",
    "actor_hash": "audit_log_by_actor",
    "actor_id": "audit_log_by_actor_id",
    "action": "audit_log_by_action",
    "target_kind": "audit_log_by_target_kind",
    "target_id": "audit_log_by_target",
    "request_id": "audit_log_by_request",
}


@pytest.mark.parametrize(("field", "index"), AUDIT_FILTERS.items())
def test_each_filter_of_the_audit_log_has_its_own_index_in_order(
    connection: apsw.Connection, field: str, index: str
) -> None:
    session = Session(connection)
    session.begin(may_write=False)
    try:
        asked: dict[str, Any] = {field: "x"}
        # The days of an empty log tell that there is nothing to look for.
        timed = AuditFilter(**asked, since=AT, until=Instant(2))
        assert audit_list.list_query(session, timed) is None
        pages: list[dict[str, Any]] = [{}, {"before_id": 5}]
        for more in pages:
            query = audit_list.list_query(session, AuditFilter(**asked, **more))
            assert query is not None
            ((_, _, step),) = plan(
                connection, audit_list.list_sql(query.within("+occurred_at", 1, 2))
            )
            assert step.startswith("SEARCH")
            assert index in step
            assert index in str(plan(connection, query.bounded_count()))
        if field in {"actor_hash", "actor_id", "target_id", "request_id"}:
            column = audit_list.ACTOR_ID if field == "actor_id" else field
            assert f"COVERING INDEX {index}" in str(plan(connection, audit_list.size_sql(column)))
    finally:
        session.abandon()
