"""Health, readiness and what the server says about itself."""

import time
from collections.abc import Iterator

import pytest

from keysat_core.signing import VerifyKey
from keysat_http import limits
from keysat_http.ticks import Tick
from tests.support.http import Server, running_server


@pytest.fixture
def server() -> Iterator[Server]:
    tick = Tick(name="job", first_after_seconds=0.0, every_seconds=60, run=lambda: None)
    with running_server(ticks=[tick]) as running:
        yield running


def test_a_living_server_says_so_whatever_is_broken(server: Server) -> None:
    server.keys.is_lost = True
    server.store.close()
    response = server.client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"ok": True})


def test_a_ready_server_shows_its_checks_and_ticks(server: Server) -> None:
    deadline = time.monotonic() + 5
    while not (body := server.client.get("/readyz").json())["ticks"]["job"]:
        assert time.monotonic() < deadline
    assert body["ok"] is True
    assert body["checks"] == {"store": "ok", "signing_key": "ok", "server": "ok"}
    assert body["ticks"] == {
        "job": "2027-01-15T08:00:00Z",
        "credential_uses": None,
        "rate_limits": None,
    }
    assert "error" not in body


def test_without_a_store_the_server_is_not_ready(server: Server) -> None:
    server.store.close()
    response = server.client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["ok"] is False
    assert response.json()["error"] == "service_unavailable"
    assert response.json()["checks"]["store"] == "store_unavailable"


def test_without_a_signing_key_the_server_is_not_ready(server: Server) -> None:
    server.keys.is_lost = True
    response = server.client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["signing_key"] == "signing_key_unusable"


def test_a_stopping_server_is_not_ready(server: Server) -> None:
    assert server.client.get("/readyz").status_code == 200
    with server.client.portal() as portal:
        portal.call(server.app.lifecycle.begin_stop)
    response = server.client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["server"] == "stopping"


def test_probes_are_answered_from_memory_for_a_moment(
    server: Server,
) -> None:
    assert server.client.get("/readyz").status_code == 200
    server.keys.is_lost = True
    assert limits.PROBE_SECONDS > 1
    assert server.client.get("/readyz").status_code == 200


def test_the_server_introduces_itself(server: Server) -> None:
    pem = server.keys.key.verify_key.to_pem()
    assert server.client.get("/").json() == {
        "service": "keysat",
        "version": "9.9.9",
        "operator": "Configured Shop",
        "public_key_pem": pem,
        "key_algorithm": "ed25519",
        "key_format_version": 2,
    }
    assert server.client.get("/v1/pubkey").json() == {"algorithm": "ed25519", "public_key_pem": pem}
    assert server.client.get("/v1/issuer/public-key").json() == {
        "public_key_pem": pem,
        "key_algorithm": "ed25519",
        "key_format_version": 2,
    }
    assert VerifyKey.from_pem(pem) == server.keys.key.verify_key
    assert pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert pem.endswith("-----END PUBLIC KEY-----\n")


def test_the_stored_operator_name_counts_at_once(server: Server) -> None:
    with server.store.writing() as tx:
        tx.settings.put_setting("operator_name", "Live Shop", server.clock.now())
    assert server.client.get("/").json()["operator"] == "Live Shop"
    with server.store.writing() as tx:
        tx.settings.put_setting("operator_name", None, server.clock.now())
    assert server.client.get("/").json()["operator"] == "Configured Shop"


def test_a_lost_key_is_a_fault_without_detail(server: Server) -> None:
    server.keys.is_lost = True
    response = server.client.get("/v1/pubkey")
    assert response.status_code == 500
    assert "lost" not in response.text


def test_a_lost_store_is_unavailable_and_says_when_to_retry(server: Server) -> None:
    server.store.close()
    response = server.client.get("/")
    assert response.status_code == 503
    assert response.json()["error"] == "service_unavailable"
    assert response.headers["retry-after"] == "5"
