"""``keysat invoice`` and ``keysat reconcile``: sales whose payment nobody saw."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.clock import SystemClock
from keysat_core.domain.instant import Instant
from keysat_core.domain.lease import Lease
from keysat_core.ports.sandbox import PretendPayment
from tests.support.program import Program, on_a_terminal, shop_with_a_tier
from tests.support.sales_on_disk import sold_unseen


def reconcile(program: Program, *, exit_code: int = 0) -> Any:
    """Run ``reconcile`` in a process of its own, for it sets the logs up; give its document."""
    done = program.process("reconcile", "--once", "--json")
    assert done.returncode == exit_code, done.stderr
    return msgspec.json.decode(done.stdout or done.stderr)


@pytest.fixture
def empty(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def test_there_may_be_no_invoices(empty: Program) -> None:
    assert empty.text("invoice", "list") == "No invoices.\n"
    assert empty.json("invoice", "list") == {
        "invoices": [],
        "total": 0,
        "is_total_exact": True,
        "limit": 100,
        "offset": 0,
    }


def test_an_invoice_nobody_has_is_not_found(empty: Program) -> None:
    for words in (["show", "x"], ["settle", "x"], ["list", "--product", "x"]):
        exit_code, envelope = empty.refusal("invoice", *words)
        assert (exit_code, envelope["code"]) == (3, "not_found")


def test_late_payments_wait_until_they_are_accepted(empty: Program) -> None:
    assert empty.text("invoice", "late-payments") == "Late payments wait until you settle them.\n"
    assert empty.json("invoice", "late-payments", "accept") == {"enabled": True}
    assert "once they are final" in empty.text("invoice", "late-payments")
    assert empty.json("invoice", "late-payments", "wait") == {"enabled": False}
    assert empty.refusal("invoice", "late-payments", "maybe")[0] == 2


def test_invoices_are_settled_by_hand(tmp_path: Path) -> None:
    program, invoice_ids = sold_unseen(
        tmp_path, PretendPayment.EXPIRE, None, PretendPayment.PAY, PretendPayment.EXPIRE
    )
    expired, open_, paid, unasked = invoice_ids
    exit_code, envelope = program.refusal("invoice", "settle", open_)
    assert (exit_code, envelope["code"], envelope["error"]) == (5, "still_payable", "conflict")
    assert "--force" in envelope["message"]
    assert "force=true" not in envelope["message"]

    done = program.json("invoice", "settle", expired, "--reason", "paid in cash")
    assert (done["ok"], done["invoice"]["settled_by"]) == (True, "operator")
    assert done["license_id"] == done["invoice"]["license_id"]
    [audit] = program.json("audit", "list", "--action", "invoice.settle_by_hand")["entries"]
    assert audit["details"]["reason"] == "paid in cash"
    again = program.run("invoice", "settle", expired, "--json")
    assert (again.exit_code, msgspec.json.decode(again.stdout)["already"]) == (0, "settled")
    assert "already" in again.stderr

    assert program.json("invoice", "settle", paid)["invoice"]["settled_by"] == "provider"
    assert program.json("invoice", "settle", open_, "--force", "--yes")["license_id"]
    # Outside sandbox mode the provider cannot be asked, and this server has not seen the end.
    outside = Program(folder=tmp_path)
    assert outside.refusal("invoice", "settle", unasked)[0] == 5
    assert program.json("license", "summary")["total"] == 3

    listed = program.json("invoice", "list", "--product", "widget", "--limit", "3")
    assert (len(listed["invoices"]), listed["total"]) == (3, 4)
    text = program.run("invoice", "list", "--limit", "3")
    assert text.stdout.splitlines()[0].split()[:3] == ["ID", "STATUS", "ATTENTION"]
    assert "--offset 3" in text.stderr
    one = program.json("invoice", "list", "--id", listed["invoices"][0]["provider_invoice_id"])
    assert one["invoices"] == [listed["invoices"][0]]
    account = listed["invoices"][0]["payment_provider_id"]
    assert (
        program.json("invoice", "list", "--provider", account, "--status", "settled")["total"] == 3
    )
    assert program.json("invoice", "list", "--provider", "")["total"] == 0
    assert program.json("invoice", "list", "--attention")["total"] == 0
    assert program.json("invoice", "list", "--buyer-email", "x@example.com")["total"] == 0
    assert program.json("invoice", "show", expired) == again_view(program, expired)
    assert f"license id        {done['license_id']}" in program.text("invoice", "show", expired)


def test_forcing_asks_whether_to_deliver_what_nobody_saw_paid(tmp_path: Path) -> None:
    program, (open_, paid) = sold_unseen(tmp_path, None, PretendPayment.PAY)
    # What the provider settles leaves nothing to ask about.
    assert program.json("invoice", "settle", paid, "--force")["invoice"]["status"] == "settled"
    forced = ("invoice", "settle", open_, "--force")
    exit_code, envelope = program.refusal(*forced)
    assert (exit_code, "--yes" in envelope["message"]) == (2, True)
    code, question = on_a_terminal(program, forced, "n\n")
    assert code == 130
    assert f"as if the 25000 sats of invoice {open_} had been paid?" in question
    assert "says that it is pending; its buyer can still pay it there" in question
    # Outside sandbox mode the provider cannot be asked.
    _, question = on_a_terminal(Program(folder=tmp_path), forced, "n\n")
    assert "Its payment provider gave no answer" in question
    assert program.json("invoice", "show", open_)["status"] == "pending"
    assert on_a_terminal(program, forced, "y\n")[0] == 0
    assert program.json("invoice", "show", open_)["settled_by"] == "operator"


def again_view(program: Program, invoice_id: str) -> Any:
    [view] = program.json("invoice", "list", "--id", invoice_id)["invoices"]
    return view


def test_without_a_database_there_is_nothing_to_settle(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    assert program.refusal("invoice", "settle", "x")[0] == 7
    assert reconcile(program, exit_code=7)["code"] == "store_unavailable"
    assert not program.db_path.exists()


def test_what_was_paid_unseen_is_found_at_once(tmp_path: Path) -> None:
    program, _ = sold_unseen(tmp_path, PretendPayment.PAY, None)
    found = {"changed": 1, "unchanged": 1, "failed": 0, "skipped": 0, "resting": 0}
    assert reconcile(program) == {"ok": True, "outcome": "done", "passes": [found], "problem": None}
    text = program.process("reconcile", "--once").stdout.splitlines()
    assert text[0].split() == ["PASS", "CHANGED", "UNCHANGED", "FAILED", "LEFT", "FOR", "LATER"]
    assert text[1].split() == ["1", "0", "1", "0", "0"]
    assert program.json("license", "summary")["total"] == 1


def test_with_nothing_due_it_says_so(empty: Program) -> None:
    assert reconcile(empty) == {"ok": True, "outcome": "idle", "passes": [], "problem": None}
    assert empty.process("reconcile", "--once").stdout == "No invoice was due.\n"


def test_what_the_provider_refuses_ends_in_exit_code_10(tmp_path: Path) -> None:
    program, _ = sold_unseen(tmp_path, None)
    # By the library that the books are kept with: two in one process would drop each other's locks.
    with closing(sqlite3.connect(tmp_path / "keysat-sandbox.db", timeout=5)) as books, books:
        books.execute("DELETE FROM invoice")
    document = reconcile(program, exit_code=10)
    assert (document["ok"], document["passes"][0]["failed"]) == (False, 1)


def test_a_living_holder_is_left_to_it(tmp_path: Path) -> None:
    program, _ = sold_unseen(tmp_path, PretendPayment.PAY)
    until = Instant(SystemClock().now() + 60)
    with SQLiteStore.open(program.db_path) as store, store.writing() as tx:
        tx.leases.put_lease(Lease(name="reconcile", holder="other", held_until=until))
    document = reconcile(program)
    assert (document["outcome"], document["passes"]) == ("held", [])


def test_it_wants_to_be_told_that_it_is_once(empty: Program) -> None:
    assert empty.process("reconcile").returncode == 2
