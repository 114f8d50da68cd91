"""Rows that a crash, a defect or a hand left in the earlier database, and what becomes of each."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.earlier.shop import write_earlier_database
from tests.support.program import Program

Query = Callable[..., list[tuple[Any, ...]]]

CHANGED = """
    SELECT t.invoice_id, t.license_id, t.from_policy_id, t.to_policy_id FROM tier_changes AS t
    JOIN invoices AS i ON i.id = t.invoice_id AND i.status = 'settled'
    WHERE t.invoice_id NOT IN (SELECT invoice_id FROM licenses WHERE invoice_id IS NOT NULL)
    AND (SELECT count(*) FROM tier_changes WHERE license_id = t.license_id) = 1
    AND t.license_id NOT IN (SELECT license_id FROM subscriptions) ORDER BY t.id LIMIT 1
"""
RENEWED = """
    SELECT c.invoice_id, s.id, s.license_id, c.cycle_end_at FROM subscription_invoices AS c
    JOIN subscriptions AS s ON s.id = c.subscription_id AND s.status = 'active'
    JOIN invoices AS i ON i.id = c.invoice_id AND i.status = 'settled'
    JOIN licenses AS l ON l.id = s.license_id AND l.status = 'active'
    WHERE c.cycle_number = 2 AND (SELECT max(cycle_number) FROM subscription_invoices
        WHERE subscription_id = s.id) = 2
    AND c.invoice_id NOT IN (SELECT invoice_id FROM licenses WHERE invoice_id IS NOT NULL)
    ORDER BY s.id LIMIT 1
"""


@pytest.fixture
def earlier(tmp_path: Path) -> Program:
    program = Program(folder=tmp_path)
    write_earlier_database(program.db_path, licenses=1)
    return program


def asked(program: Program, sql: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(program.db_path))) as connection:
        return connection.execute(sql, values).fetchall()


def notes(report: Any, id_: str) -> set[tuple[str, str]]:
    return {(one["kind"], one["rule"]) for one in report["report"]["notes"] if one["id"] == id_}


def test_a_paid_change_of_tier_that_was_never_made_is_made_on_its_operators_word(
    earlier: Program,
) -> None:
    ((invoice_id, license_id, before, after),) = asked(earlier, CHANGED)
    asked(earlier, "UPDATE licenses SET policy_id = ? WHERE id = ?", before, license_id)
    imported = earlier.json("import")
    assert ("defect", "D12") in notes(imported, invoice_id)
    policy = "SELECT policy_id FROM licenses WHERE id = ?"
    assert asked(earlier, policy, license_id) == [(before,)]
    earlier.text("invoice", "settle", invoice_id, "--yes")
    assert asked(earlier, policy, license_id) == [(after,)]
    assert earlier.json("verify")["ok"]


def test_a_paid_renewal_that_was_never_made_is_made_on_its_operators_word(earlier: Program) -> None:
    ((invoice_id, subscription_id, _, _),) = asked(earlier, RENEWED)
    asked(earlier, "UPDATE subscriptions SET status = 'past_due' WHERE id = ?", subscription_id)
    imported = earlier.json("import")
    assert ("defect", "D12") in notes(imported, invoice_id)
    until = "SELECT status, next_renewal_at FROM subscriptions WHERE id = ?"
    ((_, before),) = asked(earlier, until, subscription_id)
    earlier.text("invoice", "settle", invoice_id, "--yes")
    ((status, after),) = asked(earlier, until, subscription_id)
    assert status == "active"
    assert after > before
    assert earlier.json("verify")["ok"]


@pytest.mark.parametrize("status", ["expired", "invalid"])
def test_a_renewal_that_was_overwritten_later_is_not_delivered_again(
    earlier: Program, status: str
) -> None:
    ((invoice_id, subscription_id, _, _),) = asked(earlier, RENEWED)
    asked(earlier, "UPDATE invoices SET status = ? WHERE id = ?", status, invoice_id)
    imported = earlier.json("import")
    assert ("changed", "D11") in notes(imported, invoice_id)
    sql = "SELECT status, effect_at IS NULL FROM invoices WHERE id = ?"
    assert asked(earlier, sql, invoice_id) == [("settled", 0)]
    sql = "SELECT settled_at IS NULL FROM subscription_cycles WHERE invoice_id = ?"
    assert asked(earlier, sql, invoice_id) == [(0,)]
    del subscription_id


def test_what_nobody_paid_is_not_taken_for_paid(earlier: Program) -> None:
    ((invoice_id, subscription_id, _, end),) = asked(earlier, RENEWED)
    asked(earlier, "UPDATE invoices SET status = 'pending' WHERE id = ?", invoice_id)
    far = "2199-01-01T00:00:00Z"
    asked(
        earlier,
        "UPDATE subscriptions SET status = 'past_due', next_renewal_at = ? WHERE id = ?",
        far,
        subscription_id,
    )
    earlier.text("import")
    sql = (
        "SELECT cycle_number, settled_at IS NULL AND superseded_at IS NULL FROM subscription_cycles"
    )
    sql += " WHERE subscription_id = ? ORDER BY cycle_number"
    assert asked(earlier, sql, subscription_id) == [(1, 0), (2, 1)]
    sql = "SELECT next_renewal_at < unixepoch(?) FROM subscriptions WHERE id = ?"
    assert asked(earlier, sql, far, subscription_id) == [(1,)]
    del end


def test_an_older_cycle_nobody_paid_holds_up_no_newer_one(earlier: Program) -> None:
    ((invoice_id, subscription_id, _, _),) = asked(earlier, RENEWED)
    sql = "SELECT invoice_id FROM subscription_invoices WHERE subscription_id = ? AND cycle_number = 1"
    ((first,),) = asked(earlier, sql, subscription_id)
    asked(earlier, "UPDATE licenses SET invoice_id = NULL WHERE invoice_id = ?", first)
    asked(earlier, "UPDATE invoices SET status = 'pending' WHERE id = ?", first)
    earlier.text("import")
    sql = "SELECT count(*) FROM subscription_cycles WHERE subscription_id = ?"
    sql += " AND settled_at IS NULL AND superseded_at IS NULL"
    assert asked(earlier, sql, subscription_id) == [(0,)]
    del invoice_id


@pytest.mark.parametrize(
    ("expires_at", "active"),
    [("2025-01-01", 0), ("2025-01-01T00:00", 0), ("next year", 1), ("2199-01-01", 1)],
)
def test_a_code_that_had_expired_by_its_letters_stays_so(
    earlier: Program, expires_at: str, active: int
) -> None:
    sql = "SELECT id FROM discount_codes WHERE active = 1 AND applies_to_product_id IS NULL"
    ((code_id,), *_) = asked(earlier, sql + " AND applies_to_policy_id IS NULL")
    asked(earlier, "UPDATE discount_codes SET expires_at = ? WHERE id = ?", expires_at, code_id)
    earlier.text("import")
    assert asked(earlier, "SELECT active FROM discount_codes WHERE id = ?", code_id) == [(active,)]


def test_a_license_that_cannot_be_carried_stops_the_import_unless_it_may_be_left(
    earlier: Program,
) -> None:
    sql = "SELECT id FROM licenses WHERE invoice_id IS NULL AND id NOT IN (SELECT license_id FROM machines)"
    ((license_id,), *_) = asked(earlier, sql)
    asked(earlier, "UPDATE licenses SET product_id = 'gone' WHERE id = ?", license_id)
    _, problem = earlier.refusal("import")
    assert license_id in problem["message"]
    assert earlier.json("import", "--dry-run")["report"]["keys_compared"] > 0
    assert ("left", "decisions 24") in notes(earlier.json("import", "--leave"), license_id)
    assert earlier.json("verify")["ok"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE licenses SET entitlements_json = '[1]'",
        "UPDATE licenses SET entitlements_json = '{\"a\": 1}'",
        "UPDATE licenses SET entitlements_json = '[null, \"a\"]'",
        "UPDATE policies SET duration_seconds = 9e999",
        "UPDATE licenses SET metadata_json = x'ff00'",
        "UPDATE licenses SET issued_at = 'yesterday'",
        "UPDATE subscriptions SET policy_id = 'gone'",
        "UPDATE tier_changes SET to_policy_id = 'gone'",
    ],
)
def test_no_value_a_column_may_hold_stops_the_import(earlier: Program, sql: str) -> None:
    asked(earlier, f"{sql} WHERE rowid % 3 = 0")
    earlier.text("import")
    assert earlier.json("verify")["ok"]
