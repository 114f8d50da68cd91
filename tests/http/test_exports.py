"""Exports: everything of a kind as a file, in short reads and constant memory."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.listing import LicenseFilter
from keysat_core.limits import EXPORT_BATCH
from keysat_core.use_cases.exports.read_everything import read_audit, read_licenses
from keysat_http.views.export import ExportFormat, audit_export, guarded, license_export
from tests.support.builders import later, make_audit, make_license
from tests.support.http import ADMIN
from tests.support.shop import Shop, running_shop

OPERATOR = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        shop.add_product()
        yield shop


def fetched(shop: Shop, name: str, **query: str) -> Any:
    return shop.client.get(f"/v1/admin/export/{name}", headers=ADMIN, params=query)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_licenses_come_as_csv_newest_first_and_never_with_a_key(shop: Shop) -> None:
    keys = [shop.issue(buyer_email=f"b{n}@example.org")["license_key"] for n in range(3)]
    answer = fetched(shop, "licenses")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="keysat-licenses-20270115-080000.csv"'
    )
    assert answer.text.endswith("\r\n")
    rows = table(answer.text)
    listed = shop.admin("GET", "/licenses")["licenses"]
    assert [row["id"] for row in rows] == [one["id"] for one in listed]
    assert list(rows[0])[:4] == ["id", "product_id", "invoice_id", "status"]
    assert (rows[0]["product_slug"], rows[0]["expires_at"]) == ("app", "")
    assert not any(key in answer.text for key in keys)


def test_lines_of_json_are_the_rows_of_the_list(shop: Shop) -> None:
    for number in range(3):
        shop.issue(note=f"n{number}")
    answer = fetched(shop, "licenses", format="jsonl")
    assert answer.headers["content-type"] == "application/jsonl"
    lines = [msgspec.json.decode(line) for line in answer.content.splitlines()]
    assert lines == shop.admin("GET", "/licenses")["licenses"]
    entries = [
        msgspec.json.decode(line)
        for line in fetched(
            shop, "audit", format="jsonl", action="license.issue_manual"
        ).content.splitlines()
    ]
    assert entries == shop.admin("GET", "/audit?action=license.issue_manual")["entries"]
    assert fetched(shop, "invoices", format="jsonl").content == b""


def test_filters_of_the_list_narrow_an_export(shop: Shop) -> None:
    shop.issue(buyer_email="a@example.org")
    shop.clock.turn(100)
    late = shop.issue(buyer_email="b@example.org")
    assert len(table(fetched(shop, "licenses", email="A@example.org").text)) == 1
    since = table(fetched(shop, "licenses", since="2027-01-15T08:01:00Z").text)
    assert [row["id"] for row in since] == [late["license_id"]]
    assert table(fetched(shop, "licenses", status="revoked").text) == []
    assert fetched(shop, "licenses", format="xml").status_code == 400
    assert fetched(shop, "invoices", product_slug="unknown").status_code == 404
    assert fetched(shop, "audit", since="yesterday").status_code == 400


def test_a_text_that_a_spreadsheet_would_run_is_disarmed(shop: Shop) -> None:
    shop.issue(buyer_email="=cmd|' /C calc'!A0", nostr_npub='+1,"2')
    (row,) = table(fetched(shop, "licenses").text)
    assert (row["buyer_email"], row["nostr_npub"]) == ("'=cmd|' /C calc'!A0", "'+1,\"2")
    for start in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20":
        assert guarded(f"{start}x") == f"'{start}x"
    assert guarded("plain") == "plain"


def test_head_reads_nothing(shop: Shop) -> None:
    shop.issue()
    answer = shop.client.head("/v1/admin/export/licenses", headers=ADMIN)
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_document_names_both_media_types(shop: Shop) -> None:
    document = shop.client.get("/v1/openapi.json").json()
    for name in ("licenses", "invoices", "audit"):
        operation = document["paths"][f"/v1/admin/export/{name}"]["get"]
        content = operation["responses"]["200"]["content"]
        assert set(content) == {"text/csv; charset=utf-8", "application/jsonl"}
        parameters = {one["name"] for one in operation["parameters"]}
        assert {"format", "since", "until"} <= parameters
        assert not parameters & {"limit", "offset", "before_id"}


def test_an_export_of_any_length_takes_little_memory_and_holds_no_transaction(shop: Shop) -> None:
    count = 12 * EXPORT_BATCH + 7
    with shop.ports.store.writing() as tx:
        product = tx.products.list_products(is_inactive_included=True)[0]
        tx.licenses.add_licenses([make_license(product) for _ in range(count)])
        tx.trail.append_audits([make_audit() for _ in range(3 * EXPORT_BATCH)])
    tracemalloc.start()
    chunks = license_export(
        read_licenses(OPERATOR, LicenseFilter(), store=shop.ports.store), ExportFormat.CSV
    )
    lines = next(chunks).count(b"\n") - 1
    assert lines == 0
    lines += next(chunks).count(b"\n")
    base, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    for chunk in chunks:
        lines += chunk.count(b"\n")
        # Between two batches anybody may write: nothing is held.
        with shop.ports.store.writing() as tx:
            tx.licenses.add_licenses([make_license(product, issued_at=later(1))])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines == count
    assert peak - base < 12_000_000
    audit = audit_export(
        read_audit(OPERATOR, AuditFilter(), store=shop.ports.store), ExportFormat.JSONL
    )
    ids = [msgspec.json.decode(line)["id"] for chunk in audit for line in chunk.splitlines()]
    assert ids == list(range(len(ids), 0, -1))


def damage(shop: Shop, sql: str) -> None:
    connection = shop.ports.store._writer.session.connection  # type: ignore[attr-defined]
    connection.execute(f"PRAGMA ignore_check_constraints = on; {sql}").fetchall()


@pytest.mark.parametrize(
    "change",
    [
        "details = '[]'",
        "details = CAST(x'ff' AS TEXT)",
        "target_id = CAST(x'ff' AS TEXT)",
        "occurred_at = 9000000000000000",
    ],
)
def test_a_damaged_audit_row_says_so_and_hides_no_other(shop: Shop, change: str) -> None:
    for _ in range(2):
        shop.issue()
    before = shop.admin("GET", "/audit")["entries"]
    damaged = before[1]["id"]
    damage(shop, f"UPDATE audit_log SET {change} WHERE id = {damaged}")  # noqa: S608  ours
    entries = shop.admin("GET", "/audit")["entries"]
    assert (entries[0], entries[2:]) == (before[0], before[2:])
    said = entries[1]
    assert (said["id"], said["action"], said["details"]) == (damaged, "unreadable", {})
    if "occurred_at" not in change:
        assert said["occurred_at"] == before[1]["occurred_at"]
    lines = fetched(shop, "audit", format="jsonl").content.splitlines()
    assert [msgspec.json.decode(line) for line in lines] == entries
    assert table(fetched(shop, "audit").text)[1]["action"] == "unreadable"


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_an_export_that_cannot_begin_is_an_error_and_no_half_file(shop: Shop, format_: str) -> None:
    shop.issue()
    damage(shop, "UPDATE licenses SET entitlements = '{}'")
    answer = fetched(shop, "licenses", format=format_)
    assert (answer.status_code, answer.json()["ok"]) == (500, False)


def test_codes_come_newest_first_those_of_a_product_alone_when_asked_for(shop: Shop) -> None:
    save = {"kind": "percent", "amount": 1_275}
    for code in ("FIRST", "SECOND"):
        shop.admin("POST", "/discount-codes", json=save | {"code": code})
    own = save | {"code": "OWN", "product_slug": "app", "description": "=1+1"}
    made = shop.admin("POST", "/discount-codes", json=own)
    shop.admin("PATCH", f"/discount-codes/{made['id']}/active", json={"active": False})
    rows = table(fetched(shop, "discount-codes").text)
    listed = shop.admin("GET", "/discount-codes?include_inactive=true")["codes"]
    assert [row["code"] for row in rows] == [one["code"] for one in listed]
    assert {row["amount"] for row in rows} == {"1275"}
    of_product = table(fetched(shop, "discount-codes", product_slug="app").text)
    assert [(row["code"], row["description"]) for row in of_product] == [("OWN", "'=1+1")]
    active = fetched(shop, "discount-codes", include_inactive="false", format="jsonl")
    assert "OWN" not in active.text
    assert fetched(shop, "discount-codes", product_slug="none").status_code == 404
