"""``keysat serve`` as supervisors and operators meet it."""

import os
import signal
import socket
from pathlib import Path

import msgspec
import pytest

from tests.support.live_server import live_server
from tests.support.program import ADMIN_KEY, Program, shop_with_a_tier


def server_settings(port: int = 0, **variables: str) -> dict[str, str]:
    return {
        "KEYSAT_ADMIN_API_KEY": ADMIN_KEY,
        "KEYSAT_PUBLIC_URL": "http://127.0.0.1",
        "KEYSAT_BIND": f"127.0.0.1:{port}",
    } | variables


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"KEYSAT_ADMIN_API_KEY": ""}, "KEYSAT_ADMIN_API_KEY"),
        ({"KEYSAT_ADMIN_API_KEY": "short"}, "KEYSAT_ADMIN_API_KEY"),
        ({"KEYSAT_PUBLIC_URL": ""}, "KEYSAT_PUBLIC_URL"),
        ({"KEYSAT_BIND": "nowhere"}, "KEYSAT_BIND"),
        ({"KEYSAT_LOG_LEVEL": "loud"}, "KEYSAT_LOG_LEVEL"),
        ({"KEYSAT_BIND": "192.0.2.1:80"}, "KEYSAT_BIND"),
        ({"KEYSAT_BIND": "192.0.2.1:80", "KEYSAT_SANDBOX_MODE": "1"}, "KEYSAT_BIND"),
    ],
)
def test_a_server_that_cannot_start_names_the_setting(
    changes: dict[str, str], setting: str, tmp_path: Path
) -> None:
    program = Program(folder=tmp_path, variables=server_settings() | changes)
    done = program.process("serve")
    assert (done.returncode, done.stdout) == (6, "")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"keysat: {setting}: ")
    assert "short" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_taken_address_is_said_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = server_settings(taken.getsockname()[1])
        done = Program(folder=tmp_path, variables=settings).process("serve", "--json")
    said = msgspec.json.decode(done.stderr)
    assert (done.returncode, said["code"]) == (6, "configuration_error")
    assert "cannot listen" in said["message"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_told_server_stops_in_time_with_0(number: signal.Signals, tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        os.kill(server.process.pid, number)
        assert server.process.wait(10) == 0
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log
    assert "Warning" not in log


def test_a_ready_server_says_where_it_is(tmp_path: Path) -> None:
    with live_server(tmp_path, KEYSAT_SANDBOX_MODE="0") as server:
        assert server.stop() == 0
    log = (tmp_path / "server.log").read_bytes()
    said = msgspec.json.decode(log[: log.index(b"\n}") + 2])
    assert (said["ok"], said["url"], said["sandbox"]) == (True, server.url, False)
    assert ADMIN_KEY.encode() not in log


def test_a_server_listens_on_ipv6_too(tmp_path: Path) -> None:
    with live_server(tmp_path, host="[::1]") as server:
        assert server.client.get("/healthz").json() == {"ok": True}
        assert server.stop() == 0


def test_every_background_job_runs_under_its_name(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        ticks = server.client.get("/readyz").json()["ticks"]
    assert set(ticks) == {
        "receipts",
        "deliveries",
        "reconcile",
        "renewals",
        "code_slots",
        "tips",
        "provider_probe",
        "webhook_check",
        "saved_payments",
        "heartbeats",
        "purge",
        "rate_limits",
        "credential_uses",
        "validation_purge",
        "self_license",
        "community_heartbeat",
        "backups",
        "sandbox_deliveries",
    }


def test_settings_are_read_from_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('KEYSAT_OPERATOR_NAME="Shop of the file"  # said\n')
    with live_server(tmp_path) as server:
        assert server.client.get("/").json()["operator"] == "Shop of the file"


def test_pretend_payments_are_refused_in_production(tmp_path: Path) -> None:
    shop_with_a_tier(tmp_path)
    with live_server(tmp_path) as server:
        assert server.ask("POST", "/v1/purchase", {"product": "widget"}).status_code == 200
    with live_server(tmp_path, KEYSAT_SANDBOX_MODE="") as server:
        refused = server.ask("POST", "/v1/purchase", {"product": "widget"})
        assert (refused.status_code, refused.json()["code"]) == (400, "no_provider")
        assert server.ask("GET", "/sandbox/checkout/x").status_code == 404
        assert server.ask("POST", "/v1/sandbox/webhook/x").status_code == 404
        assert "sandbox_database_in_production" in (tmp_path / "server.log").read_text()


def test_a_database_that_only_sold_for_real_raises_no_alarm(tmp_path: Path) -> None:
    with live_server(tmp_path, KEYSAT_SANDBOX_MODE=""):
        pass
    assert "sandbox_database_in_production" not in (tmp_path / "server.log").read_text()


def test_a_sandbox_says_so_loudly(tmp_path: Path) -> None:
    with live_server(tmp_path):
        pass
    assert "SANDBOX MODE" in (tmp_path / "server.log").read_text()


def test_two_servers_may_share_a_database(tmp_path: Path) -> None:
    shop_with_a_tier(tmp_path)
    with live_server(tmp_path) as one, live_server(tmp_path) as two:
        assert one.client.get("/v1/pubkey").json() == two.client.get("/v1/pubkey").json()
        one.admin("POST", "/v1/admin/licenses", {"product_slug": "widget"})
        assert two.admin("GET", "/v1/admin/licenses/summary")["total"] == 1
