"""The samples for nginx and Caddy, run in front of a live Keysat and called from several addresses.

Both proxies answer the same questions; each test is one that an operator would ask of them.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from keysat_core.limits import BODY_BYTES_MAX
from tests.support.left_out import need_programs
from tests.support.live_server import LiveServer, live_server
from tests.support.program import ADMIN_KEY, shop_with_a_tier
from tests.support.proxies import NAME, Proxy, caddy, nginx

BUYER: Final = "127.0.0.7"
FORGED: Final = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http"}
AS_OPERATOR: Final = {"authorization": f"Bearer {ADMIN_KEY}"}
STARTS: Final[dict[str, Callable[..., AbstractContextManager[Proxy]]]] = {
    "nginx": nginx,
    "caddy": caddy,
}


@dataclass(frozen=True, kw_only=True)
class Front:
    """A proxy, the Keysat behind it, and somebody who calls from an address of their own."""

    proxy: Proxy
    server: LiveServer
    buyer: httpx.Client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("keysat")
    shop_with_a_tier(folder)
    settings = {"KEYSAT_PUBLIC_URL": f"https://{NAME}", "KEYSAT_TRUSTED_PROXIES": "127.0.0.1/32"}
    with live_server(folder, **settings) as running:
        yield running


@pytest.fixture(scope="module", params=STARTS)
def front(
    request: pytest.FixtureRequest, server: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    need_programs(request.param, "openssl")
    folder = tmp_path_factory.mktemp(request.param)
    backend = server.client.base_url.port
    assert backend is not None
    with STARTS[request.param](folder, backend) as proxy, proxy.client(BUYER) as buyer:
        yield Front(proxy=proxy, server=server, buyer=buyer)


def test_a_buyer_sees_the_shop_over_https_and_nowhere_else(front: Front) -> None:
    page = front.buyer.get("/buy/widget")
    assert (page.status_code, "Widget" in page.text) == (200, True)
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    plain = httpx.get(
        f"http://127.0.0.1:{front.proxy.plain_port}/buy/widget?code=A",
        headers={"host": NAME},
        trust_env=False,
    )
    assert plain.status_code in {301, 308}
    assert plain.headers["location"].startswith(f"https://{NAME}")
    assert plain.headers["location"].endswith("/buy/widget?code=A")


def test_a_buyer_is_known_by_the_address_they_call_from_whatever_they_claim(front: Front) -> None:
    issued = front.buyer.post(
        "/v1/admin/licenses", json={"product_slug": "widget"}, headers=AS_OPERATOR | FORGED
    )
    assert issued.status_code == 200, issued.text
    asked = front.buyer.post(
        "/v1/validate",
        json={"key": issued.json()["license_key"], "fingerprint": front.proxy.folder.name},
        headers=FORGED | {"user-agent": front.proxy.folder.name},
    )
    assert (asked.status_code, asked.json()["ok"]) == (200, True)
    audited = front.server.admin("GET", "/v1/admin/audit?action=license.issue_manual")["entries"][0]
    assert audited["request_ip"] == BUYER
    assert audited["request_id"] == issued.headers["x-request-id"]
    assert validated_from(front.server, by=front.proxy.folder.name) == {BUYER}


def validated_from(server: LiveServer, *, by: str) -> set[str]:
    """Read the validation log, which is written in groups, as soon as the row is there."""
    deadline = time.monotonic() + 10
    path = server.program.folder / "keysat-activity.db"
    query = "SELECT client_ip FROM validations WHERE user_agent = ?"
    found: set[str] = set()
    while not found and time.monotonic() < deadline:
        time.sleep(0.05)
        if path.exists():
            with closing(sqlite3.connect(path)) as activity, suppress(sqlite3.OperationalError):
                found = {row[0] for row in activity.execute(query, (by,))}
    return found


def test_no_log_holds_the_id_of_a_purchase_which_lets_its_holder_read_a_key(front: Front) -> None:
    id_ = "0b7d3c52-6f0e-4a3c-9d0e-1c2f3a4b5c6d"
    for path in (f"/v1/purchase/{id_}", f"/thank-you?invoice_id={id_}", f"/purchase/{id_}/receipt"):
        assert front.buyer.get(path).status_code in {200, 404}
    logs = {path.name: path.read_text() for path in front.proxy.folder.glob("*.log")}
    assert [name for name, text in logs.items() if id_ in text] == []
    if "keysat.log" in logs:
        assert '"GET /v1/purchase/-"' in logs["keysat.log"]


def test_a_client_cannot_choose_the_id_of_its_request(front: Front) -> None:
    chosen = front.buyer.get("/healthz", headers={"x-request-id": "chosen-by-a-client"})
    assert chosen.headers["x-request-id"] != "chosen-by-a-client"
    assert len(chosen.headers["x-request-id"]) >= 32


def test_signing_in_sets_a_cookie_that_is_kept_to_https(front: Front) -> None:
    answer = front.buyer.post("/admin/login", json={"api_key": ADMIN_KEY})
    assert answer.status_code == 204, answer.text
    cookie = answer.headers["set-cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    front.buyer.cookies.clear()


def body_of(size: int) -> bytes:
    return b'{"key":"' + b"x" * (size - 10) + b'"}'


@pytest.mark.parametrize("path", ["/v1/validate", "/v1/admin/products"])
def test_a_body_that_is_too_large_is_refused_in_keysats_own_words(front: Front, path: str) -> None:
    own = refused(front.server.client, path, BODY_BYTES_MAX + 1)
    assert own.status_code == 413
    through = refused(front.buyer, path, BODY_BYTES_MAX + 1)
    assert (through.status_code, through.json()) == (413, own.json())
    assert through.headers["content-type"].startswith("application/json")
    assert through.headers["access-control-allow-origin"] == "*"
    pieces = refused(front.buyer, path, 2 * BODY_BYTES_MAX, is_in_pieces=True)
    assert (pieces.status_code, pieces.json()) == (413, own.json())
    largest = refused(front.buyer, "/v1/validate", BODY_BYTES_MAX)
    assert (largest.status_code, largest.json()["ok"]) == (200, False)


def refused(
    client: httpx.Client, path: str, size: int, *, is_in_pieces: bool = False
) -> httpx.Response:
    headers = AS_OPERATOR | {"content-type": "application/json"}
    body = body_of(size)
    # An iterator has no length, so the size is known only when the last piece is there.
    return client.post(path, content=iter([body]) if is_in_pieces else body, headers=headers)


def test_a_table_of_licenses_may_be_larger(front: Front) -> None:
    answer = refused(front.buyer, "/v1/admin/licenses/bulk", 3 * BODY_BYTES_MAX)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("path", ["/metrics", "/metrics?a=b", "//metrics", "/%6detrics"])
def test_the_metrics_are_not_for_the_internet(front: Front, path: str) -> None:
    assert front.server.client.get("/metrics", headers=AS_OPERATOR).status_code == 200
    assert front.buyer.get(f"{front.proxy.url}{path}", headers=AS_OPERATOR).status_code == 404


ADMIN_PATHS: Final = ["/admin/", "/admin/login", "/v1/admin/products", "/v1/admin/licenses/bulk"]


@pytest.mark.parametrize("name", STARTS)
def test_the_administration_can_be_kept_to_a_network(
    name: str, server: LiveServer, tmp_path: Path
) -> None:
    need_programs(name, "openssl")
    backend: Any = server.client.base_url.port
    with (
        STARTS[name](tmp_path, backend, admin_network="127.0.0.8/32") as proxy,
        proxy.client("127.0.0.8") as operator,
        proxy.client(BUYER) as stranger,
    ):
        forged = {"x-forwarded-for": "127.0.0.8"}
        seen = [stranger.get(path, headers=AS_OPERATOR | forged) for path in ADMIN_PATHS]
        assert {answer.status_code for answer in seen} == {403}
        assert stranger.get("/buy/widget").status_code == 200
        assert operator.get("/v1/admin/products", headers=AS_OPERATOR).status_code == 200
        assert operator.get("/admin/login").status_code == 200
