"""``keysat worker``: the background jobs beside or without a server."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.clock import SystemClock
from keysat_adapters.system.ids import RandomIds
from keysat_cli.application import open_worker
from keysat_cli.environment import Environment
from keysat_cli.settings import read_worker_settings
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.lease import Lease
from keysat_core.ports.sandbox import PretendPayment
from keysat_http.leasing import LeaseKeeper, Outcome
from keysat_http.ticks import Tick
from keysat_http.worker import run_once
from tests.support.live_server import live_server
from tests.support.program import Program, clean_environment, shop_with_a_tier

SANDBOX = {"KEYSAT_SANDBOX_MODE": "1", "KEYSAT_BIND": "127.0.0.1:1"}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def work(program: Program, *words: str, exit_code: int = 0) -> Any:
    """Run ``worker`` in a process of its own, for it sets the logs up; give its document."""
    done = program.process("worker", "--json", *words)
    assert done.returncode == exit_code, done.stderr
    return msgspec.json.decode(done.stdout or done.stderr)


def jobs_of(document: Any) -> dict[str, Any]:
    return {job["name"]: job for job in document["jobs"]}


def paid_while_nobody_looked(folder: Path) -> tuple[Program, str]:
    """A sale whose buyer paid when no server ran."""
    shop_with_a_tier(folder)
    with live_server(folder) as server:
        bought = server.ask("POST", "/v1/purchase", {"product": "widget"}).json()
    program = Program(folder=folder, variables=SANDBOX)
    settings = read_worker_settings(Environment(program.settings))
    with open_worker(settings) as (wiring, _):
        assert wiring.sandbox is not None
        wiring.sandbox.till.act(bought["btcpay_invoice_id"], PretendPayment.PAY)
    return program, bought["invoice_id"]


def status_of(program: Program, invoice_id: str) -> str:
    with closing(apsw.Connection(str(program.db_path))) as connection:
        return str(
            connection.execute("SELECT status FROM invoices WHERE id = ?", (invoice_id,)).get
        )


def test_every_job_is_run_once_and_says_what_it_did(program: Program) -> None:
    document = work(program, "--once")
    assert document["ok"] is True
    said = {name: (job["outcome"], job["items"]) for name, job in jobs_of(document).items()}
    assert said == {
        "receipts": ("idle", 0),
        "deliveries": ("idle", 0),
        "code_slots": ("idle", 0),
        "reconcile": ("idle", 0),
        "renewals": ("idle", 0),
        "tips": ("idle", 0),
        "provider_probe": ("idle", 0),
        "saved_payments": ("idle", 0),
        "heartbeats": ("idle", 0),
        "purge": ("done", 0),
        "validation_purge": ("done", 0),
        "self_license": ("done", 0),
        "community_heartbeat": ("idle", 0),
        "backups": ("done", 1),
    }


def test_a_payment_nobody_saw_is_settled(tmp_path: Path) -> None:
    program, invoice_id = paid_while_nobody_looked(tmp_path)
    assert status_of(program, invoice_id) == InvoiceStatus.PENDING
    reconciled = jobs_of(work(program, "--once"))["reconcile"]
    assert (reconciled["outcome"], reconciled["items"], reconciled["failed"]) == ("done", 1, 0)
    assert status_of(program, invoice_id) == InvoiceStatus.SETTLED
    assert program.json("license", "summary")["total"] == 1


def test_one_job_may_be_named(program: Program) -> None:
    assert list(jobs_of(work(program, "--once", "--job", "purge"))) == ["purge"]
    text = program.process("worker", "--once", "--job", "purge").stdout
    assert text.splitlines()[1].split()[:3] == ["purge", "done", "0"]


def test_a_job_that_just_ran_is_run_again_when_asked(program: Program) -> None:
    for _ in range(2):
        [job] = work(program, "--once", "--job", "purge")["jobs"]
        assert job["outcome"] == "done"


def test_a_job_nobody_knows_is_a_mistake(program: Program) -> None:
    refusal = work(program, "--once", "--job", "bake", exit_code=2)
    assert "purge" in refusal["message"]


def test_without_a_database_there_is_nothing_to_do(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    assert work(program, "--once", exit_code=7)["code"] == "store_unavailable"
    assert not program.db_path.exists()


def test_what_the_provider_refuses_ends_in_exit_code_10(tmp_path: Path) -> None:
    program, _ = paid_while_nobody_looked(tmp_path)
    # By the library that the books are kept with: two in one process would drop each other's locks.
    with closing(sqlite3.connect(tmp_path / "keysat-sandbox.db", timeout=5)) as books, books:
        books.execute("DELETE FROM invoice")
    document = work(program, "--once", "--job", "reconcile", exit_code=10)
    assert document["ok"] is False
    assert jobs_of(document)["reconcile"]["failed"] == 1


def test_a_locked_database_ends_in_exit_code_7(program: Program) -> None:
    with closing(apsw.Connection(str(program.db_path))) as other:
        other.execute("BEGIN IMMEDIATE").fetchall()
        [job] = work(program, "--once", "--job", "purge", exit_code=7)["jobs"]
    assert (job["outcome"], job["problem"]) == ("failed", "the database is busy; retry")


def hold(program: Program, seconds: int) -> None:
    until = Instant(SystemClock().now() + seconds)
    with SQLiteStore.open(program.db_path) as store, store.writing() as tx:
        tx.leases.put_lease(Lease(name="purge", holder="other", held_until=until))


def test_a_dead_holder_is_waited_for(program: Program) -> None:
    hold(program, 2)
    [job] = work(program, "--once", "--job", "purge")["jobs"]
    assert job["outcome"] == "done"


def test_a_living_holder_is_reported(program: Program) -> None:
    hold(program, 10)
    tick = Tick(name="purge", first_after_seconds=0, every_seconds=1, run=int, is_shared=True)
    with SQLiteStore.open(program.db_path) as store:
        keeper = LeaseKeeper(store, SystemClock(), RandomIds())
        run = run_once(tick, keeper, wait_seconds=0.1)
    assert run.attempt is not None
    assert run.attempt.outcome is Outcome.HELD


def test_a_worker_works_beside_a_server_until_it_is_told_to_stop(tmp_path: Path) -> None:
    shop_with_a_tier(tmp_path)
    with live_server(tmp_path) as server:
        variables = server.program.settings | {
            "KEYSAT_SANDBOX_MODE": "1",
            "KEYSAT_BIND": server.url.removeprefix("http://"),
        }
        with subprocess.Popen(
            [sys.executable, "-m", "keysat_cli", "worker", "--json"],
            cwd=tmp_path,
            env=clean_environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            # The whole document comes at once, before the first job.
            started = os.read(process.stdout.fileno(), 65_536)
            names = msgspec.json.decode(started)["jobs"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        served = server.client.get("/readyz").json()["ticks"]
    # A worker that was not told the public address leaves webhooks to who knows it.
    assert set(served) - set(names) == {"rate_limits", "webhook_check", "credential_uses"}
    assert set(names) <= set(served)


def test_a_server_tells_in_readyz_what_its_jobs_did(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        deadline = time.monotonic() + 20
        while not (ready := server.client.get("/readyz").json())["ticks"]["sandbox_deliveries"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    job = ready["jobs"]["sandbox_deliveries"]
    assert job["last_success"] == ready["ticks"]["sandbox_deliveries"]
    assert job["runs"] >= 1
    assert (job["failures"], job["skipped"], job["items"]) == (0, 0, 0)
    assert job["seconds_max"] >= job["seconds_last"] > 0
