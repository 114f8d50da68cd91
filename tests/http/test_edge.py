"""What holds for every request, whatever answers it."""

import asyncio
import re
from collections.abc import Awaitable, Iterator
from typing import Any

import msgspec
import pytest
import structlog
from litestar import Response
from litestar.params import FromPath, JSONBody

from keysat_core.errors import CorruptRow, ProviderUnavailable, RateLimited
from keysat_core.limits import BODY_BYTES_MAX
from keysat_http import routes
from keysat_http.bodies import receive_json
from keysat_http.client_address import Callers
from keysat_http.edge import Edge
from tests.support.http import ADMIN, Server, running_server

JSON = {"content-type": "application/json"}
INVOICE = "2b0c9d8e-0000-4000-8000-00000000beef"


@routes.get("/v1/purchase/{invoice_id:str}", is_inline=True)
def poll(invoice_id: FromPath[str]) -> dict[str, str]:
    return {"invoice_id": invoice_id}


@routes.get("/v1/faults/{kind:str}", is_inline=True)
def fail(kind: FromPath[str]) -> None:
    raise {
        "bug": ZeroDivisionError("secret detail"),
        "row": CorruptRow("licenses", "1", "secret detail"),
        "limit": RateLimited(9),
        "upstream": ProviderUnavailable("create_invoice", "secret detail"),
    }[kind]


@routes.get("/v1/plain", is_inline=True)
def plain() -> Response[str]:
    return Response("<p>", media_type="text/html", headers={"referrer-policy": "origin"})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(route_handlers=[poll, fail, plain], trusted=["203.0.113.9/32"]) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/v1/plain", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/healthz", 405),
        ("GET", "/v1/faults/bug", 500),
        ("GET", "/v1/faults/limit", 429),
        ("GET", "/v1/faults/upstream", 502),
        ("GET", "/v1/pubkey/", 404),
        ("GET", "/a%ff", 400),
        ("HEAD", "/healthz", 200),
        ("HEAD", "/nowhere", 404),
        ("OPTIONS", "/nowhere", 200),
        ("OPTIONS", "/v1/admin/products", 200),
    ],
)
def test_every_answer_carries_the_common_headers(
    server: Server, method: str, path: str, status: int
) -> None:
    response = server.client.request(method, path)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    assert "access-control-expose-headers" not in response.headers
    assert "access-control-request-headers" in response.headers["vary"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] in {"no-referrer", "origin"}
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,64}", response.headers["x-request-id"])
    if method == "GET" and status >= 400:
        body = response.json()
        assert body["ok"] is False
        assert set(body) >= {"error", "message", "code"}
        assert "secret" not in response.text


@pytest.mark.parametrize("path", ["/healthz", "/v1/admin/products", "/nowhere", "/x//y/"])
@pytest.mark.betters("B-09")
def test_any_options_is_answered_at_once(server: Server, path: str) -> None:
    response = server.client.options(
        path,
        headers={
            "origin": "https://evil.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization",
        },
    )
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["access-control-allow-methods"] == "*"
    allowed = [name.strip() for name in response.headers["access-control-allow-headers"].split(",")]
    assert allowed == ["*", "Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-Token"]
    assert "access-control-allow-credentials" not in response.headers


def test_head_is_get_without_a_body(server: Server) -> None:
    got, head = server.client.get("/v1/pubkey"), server.client.head("/v1/pubkey")
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]
    assert server.client.head("/v1/faults/bug").status_code == 500


def test_a_wrong_method_is_told_the_right_ones(server: Server) -> None:
    response = server.client.post("/healthz")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert response.json()["error"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/v1/pubkey/", "//v1/pubkey", "/v1//pubkey", "/healthz/"])
def test_an_address_has_one_spelling(server: Server, path: str) -> None:
    response = server.client.get(f"http://testserver.local{path}")
    assert (response.status_code, response.json()["error"]) == (404, "not_found")


def test_a_path_that_is_not_utf8_is_refused(server: Server) -> None:
    assert server.client.get("/v1/purchase/%c3%28").json()["code"] == "malformed_path"
    assert server.client.get("/v1/purchase/%c3%a9").json() == {"invoice_id": "é"}


@pytest.mark.betters("B-06")
def test_a_fault_shows_its_request_id_and_nothing_else(server: Server) -> None:
    for kind in ("bug", "row"):
        response = server.client.get(f"/v1/faults/{kind}")
        assert response.status_code == 500
        assert response.json()["request_id"] == response.headers["x-request-id"]


def test_a_limit_says_when_to_retry(server: Server) -> None:
    assert server.client.get("/v1/faults/limit").headers["retry-after"] == "9"


def test_secrets_are_not_cached(server: Server) -> None:
    for path in (f"/v1/purchase/{INVOICE}", "/v1/admin/nothing"):
        assert server.client.get(path).headers["cache-control"] == "no-store"
    assert "cache-control" not in server.client.get("/v1/pubkey").headers


def test_a_route_may_set_its_own_policy(server: Server) -> None:
    assert server.client.get("/v1/plain").headers.get_list("referrer-policy") == ["origin"]


def test_a_proxy_may_name_the_request_and_nobody_else(server: Server) -> None:
    named = {"x-request-id": "from-the-proxy_1"}
    assert (
        server.client.get("/healthz", headers=named).headers["x-request-id"]
        == named["x-request-id"]
    )
    for bad in ("short", "x" * 65, "with space", "a\tbcdefgh"):
        answered = server.client.get("/healthz", headers={"x-request-id": bad})
        assert answered.headers["x-request-id"] != bad
    with running_server() as untrusting:
        answered = untrusting.client.get("/healthz", headers=named)
        assert answered.headers["x-request-id"] != named["x-request-id"]


def test_the_log_line_names_the_route_and_no_secret(server: Server) -> None:
    headers = {**ADMIN, "x-forwarded-for": "198.51.100.7"}
    with structlog.testing.capture_logs() as lines:
        server.client.get(f"/v1/purchase/{INVOICE}?token=hush", headers=headers)
        server.client.get("/no/such/LIC1-SECRET?token=hush", headers=headers)
    found, lost = (line for line in lines if line["event"] == "request")
    assert found["route"] == "/v1/purchase/{invoice_id}"
    assert (found["method"], found["status"], found["client"]) == ("GET", 200, "198.51.100.7")
    assert found["duration_ms"] >= 0
    assert lost["route"] is None
    for secret in (INVOICE, "hush", "LIC1", ADMIN["authorization"]):
        assert secret not in repr(lines)


def test_a_fault_is_logged_with_its_detail(server: Server) -> None:
    with structlog.testing.capture_logs() as lines:
        response = server.client.get("/v1/faults/bug")
    (fault,) = [line for line in lines if line["event"] == "request_failed"]
    assert fault["log_level"] == "error"
    assert fault["request_id"] == response.headers["x-request-id"]
    assert isinstance(fault["exc_info"], ZeroDivisionError)


def test_frequent_good_answers_are_quiet(server: Server) -> None:
    with structlog.testing.capture_logs() as lines:
        server.client.get("/healthz")
        server.client.post("/healthz")
    assert [line["log_level"] for line in lines] == ["debug", "info"]


def drive(app: Any) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "raw_path": b"/x",
        "headers": [],
        "client": None,
    }
    edge = Edge(app, callers=Callers(()), no_store=())
    with structlog.testing.capture_logs() as lines:
        try:
            asyncio.run(_awaited(edge(scope, receive, send)))
        except ZeroDivisionError:
            sent.append("cut")
    return [*sent, lines[-1]["status"]]


async def _awaited(answer: Awaitable[None]) -> None:
    await answer


class Question(msgspec.Struct, kw_only=True):
    key: str


@routes.post("/v1/quick", is_inline=True)
def quick(data: JSONBody[Question]) -> dict[str, str]:
    return {"key": data.key, "way": "slow"}


async def answer_quickly(scope: Any, receive: Any) -> bytes:
    question = await receive_json(scope, receive, Question)
    if question.key == "limit":
        raise RateLimited(9)
    return msgspec.json.encode({"key": question.key, "way": "fast"})


def test_a_fast_route_goes_by_the_same_rules() -> None:
    calls: list[tuple[bytes, dict[str, str]]] = [
        (b'{"key":"limit"}', JSON),
        (b'{"key":1}', JSON),
        (b"{", JSON),
        (b"", JSON),
        (b'{"key":"a"}', {}),
        (b"x" * (BODY_BYTES_MAX + 1), JSON),
    ]
    with (
        running_server(route_handlers=[quick]) as slow,
        running_server(
            route_handlers=[quick], fast_routes=lambda *_: {"/v1/quick": answer_quickly}
        ) as fast,
    ):
        good = fast.client.post("/v1/quick", json={"key": "a"})
        assert good.json() == {"key": "a", "way": "fast"}
        assert fast.client.get("/v1/quick").status_code == 405
        limited, *refused = (fast.client.post("/v1/quick", content=b, headers=h) for b, h in calls)
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "9")
        expected = (slow.client.post("/v1/quick", content=b, headers=h) for b, h in calls[1:])
        assert [(r.status_code, r.json()) for r in refused] == [
            (r.status_code, r.json()) for r in expected
        ]


def test_a_fast_route_is_logged_like_any_other() -> None:
    with running_server(fast_routes=lambda *_: {"/v1/quick": answer_quickly}) as server:
        with structlog.testing.capture_logs() as lines:
            server.client.post("/v1/quick", json={"key": "a"})
        assert [(line["route"], line["status"]) for line in lines] == [("/v1/quick", 200)]


def test_even_the_framework_may_break() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    start, body, status = drive(broken)
    assert (start["status"], status) == (500, 500)
    assert b"internal_error" in body["body"]


def test_a_half_sent_answer_is_cut_off() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    start, end, _ = drive(broken)
    assert (start["status"], end) == (200, "cut")


def test_a_client_that_left_is_no_success() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return

    assert drive(silent) == [499]
