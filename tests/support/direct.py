"""Requests straight to the application, without a client.

Headers arrive exactly as given, several of one name too, and a request takes a fraction of the time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from litestar.testing import TestClient
from litestar.types import Message

Headers = Sequence[tuple[str, str]]


class Answer(NamedTuple):
    status: int
    body: bytes


async def ask(
    app: Any, method: str, target: str, headers: Headers = (), content: bytes = b""
) -> Answer:
    """Send one request, and wait for the answer to it."""
    path, _, query = target.partition("?")
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("203.0.113.9", 50_000),
        "server": ("license.example.com", 443),
    }
    status, parts, is_sent = 0, list[bytes](), False

    async def receive() -> Any:
        nonlocal is_sent
        if is_sent:
            return {"type": "http.disconnect"}
        is_sent = True
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message["body"])

    await app(scope, receive, send)
    return Answer(status, b"".join(parts))


def answered(
    client: TestClient[Any], method: str, target: str, headers: Headers = (), content: bytes = b""
) -> Answer:
    """Send one request from a test, into the loop the client's application runs in."""
    with client.portal() as portal:
        answer: Answer = portal.call(ask, client.app, method, target, headers, content)
        return answer
