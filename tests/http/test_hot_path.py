"""The way of a validation around the framework answers as the way through it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from keysat_adapters.system.seal import SecretBoxSeal
from keysat_core.limits import BODY_BYTES_MAX, FINGERPRINT_CHARS_MAX
from keysat_http.app import create_app
from keysat_http.endpoints import route_dependencies, route_handlers
from tests.support.http import FromPeer
from tests.support.keys import signed
from tests.support.live_server import LiveServer, live_server
from tests.support.shop import Shop, running_shop

JSON = {"content-type": "application/json"}


@pytest.fixture
def shop() -> Iterator[Shop]:
    # Of a private address, so that no rate limit gets in between.
    with running_shop(peer="10.0.0.1") as shop:
        shop.add_product()
        yield shop


@pytest.fixture
def through_the_framework(shop: Shop) -> Iterator[TestClient[FromPeer]]:
    app = create_app(
        shop.ports,
        shop.settings,
        seal=SecretBoxSeal(),
        route_handlers=route_handlers(shop.ports),
        dependencies=route_dependencies(),
    )
    with TestClient(FromPeer(app=app, peer="10.0.0.1")) as client:
        yield client


def test_both_ways_give_the_same_answers(
    shop: Shop, through_the_framework: TestClient[FromPeer]
) -> None:
    good, full = (shop.issue(max_machines=n)["license_key"] for n in (0, 1))
    shop.validate(full, fingerprint="first")
    bodies: list[dict[str, Any]] = [
        {"key": good},
        {"key": good, "product_slug": "app", "fingerprint": "m", "hostname": "h", "platform": "p"},
        {"key": good, "product_slug": None, "fingerprint": None, "unknown": {"deep": 1}},
        {"key": good, "product_slug": "other"},
        {"key": good, "fingerprint": " "},
        {"key": good, "fingerprint": "f" * (FINGERPRINT_CHARS_MAX + 1)},
        {"key": good, "fingerprint": "nul\0"},
        {"key": full, "fingerprint": "second"},
        {"key": signed()},
        {"key": signed(seed=bytes(32))},
        {"key": "garbage"},
        {"key": 7},
        {},
    ]
    for body in bodies:
        fast = shop.client.post("/v1/validate", json=body)
        slow = through_the_framework.post("/v1/validate", json=body)
        assert (fast.status_code, fast.json()) == (slow.status_code, slow.json()), body
        assert set(slow.headers) - set(fast.headers) <= {"referrer-policy", "vary"}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b'"text"', JSON),
        (b'{"key":"\xff"}', JSON),
        (b'{"key":"a"}', {"content-type": "text/plain"}),
        (b'{"key":"a"}', {"content-type": "application/json; charset=utf-8"}),
        (b'{"key":"a"}', {"content-type": "application/vnd.x+json"}),
        (b'{"key":"a"}', {"authorization": "Bearer anything"}),
        (b"x" * (BODY_BYTES_MAX + 1), JSON),
    ],
)
def test_both_ways_read_a_body_by_the_same_rules(
    shop: Shop,
    through_the_framework: TestClient[FromPeer],
    content: bytes,
    headers: dict[str, str],
) -> None:
    fast = shop.client.post("/v1/validate", content=content, headers=headers)
    slow = through_the_framework.post("/v1/validate", content=content, headers=headers)
    assert (fast.status_code, fast.json()) == (slow.status_code, slow.json())


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_only_a_post_takes_the_short_way(
    shop: Shop, through_the_framework: TestClient[FromPeer], method: str
) -> None:
    fast = shop.client.request(method, "/v1/validate")
    slow = through_the_framework.request(method, "/v1/validate")
    assert (fast.status_code, fast.content) == (slow.status_code, slow.content)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("hot")
    with live_server(folder) as server:
        server.admin("POST", "/v1/admin/products", {"slug": "a", "name": "A", "price_sats": 1})
        yield server


def test_a_revocation_on_the_command_line_is_seen_by_the_very_next_request(
    server: LiveServer,
) -> None:
    for _ in range(5):
        issued = server.admin("POST", "/v1/admin/licenses", {"product_slug": "a"})
        key, license_id = issued["license_key"], issued["license_id"]
        for _ in range(3):
            assert server.validate(key, fingerprint="m")["ok"] is True
        server.program.text("license", "suspend", license_id, "--reason", "r")
        assert server.validate(key, fingerprint="m")["reason"] == "suspended"
        server.program.text("license", "unsuspend", license_id)
        assert server.validate(key, fingerprint="m")["ok"] is True
        server.program.text("license", "revoke", license_id, "--reason", "r", "--yes")
        assert server.validate(key, fingerprint="m") == {"ok": False, "reason": "revoked"}


def test_a_revocation_is_seen_while_others_keep_the_server_busy(server: LiveServer) -> None:
    issued = [server.admin("POST", "/v1/admin/licenses", {"product_slug": "a"}) for _ in range(4)]
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client:
            while not stop.is_set():
                for one in issued:
                    client.post("/v1/validate", json={"key": one["license_key"]})

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        for one in issued:
            assert server.validate(one["license_key"])["ok"] is True
            path = f"/v1/admin/licenses/{one['license_id']}/revoke"
            server.admin("POST", path, {"reason": "r"})
            assert server.validate(one["license_key"])["reason"] == "revoked"
    finally:
        stop.set()
        for thread in asking:
            thread.join(30)
