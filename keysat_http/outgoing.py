"""What leaves: answers of plain ASGI code, with the headers every answer has."""

from collections.abc import Iterable
from typing import Final, TypeAlias

from litestar.types import Message, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from keysat_http.errors import Answer

Headers: TypeAlias = list[tuple[bytes, bytes]]


MORE_HEADERS: Final = "more_headers"
"""In the scope's state: a list of headers that go with the answer, whatever that will be."""


class Outgoing:
    """The ``send`` that adds headers, drops the body of a HEAD and remembers the status."""

    __slots__ = ("_defaults", "_extra", "_is_head", "_send", "status")

    def __init__(self, send: Send, *, extra: Headers, defaults: Headers, is_head: bool) -> None:
        self._send = send
        self._extra = extra
        self._defaults = defaults
        self._is_head = is_head
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        """Send a message of the application."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message["headers"])
            present = {name.lower() for name, _ in headers}
            headers += [pair for pair in self._defaults if pair[0] not in present]
            headers += self._extra
            message = {"type": "http.response.start", "status": self.status, "headers": headers}
        elif message["type"] == "http.response.body" and self._is_head:
            more = message.get("more_body", False)
            message = {"type": "http.response.body", "body": b"", "more_body": more}
        await self._send(message)


async def send_answer(ready: Answer, send: Send) -> None:
    """Send a ready error answer from plain ASGI code."""
    body = ready.encoded()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *((name.encode("ascii"), value.encode("ascii")) for name, value in ready.headers.items()),
    ]
    await send({"type": "http.response.start", "status": ready.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _ServerHeaders:
    """The headers the server itself adds, as bytes; it makes a new list of them once a second."""

    __slots__ = ("_bytes", "_headers")

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._bytes = b""

    def spelled(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Spell them, if they are not those spelled last."""
        if headers is not self._headers:
            self._bytes = spell_headers(headers)
            self._headers = headers
        return self._bytes


_SERVER_HEADERS: Final = _ServerHeaders()


def spell_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Give the lines of headers, whose values must hold no line breaks."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def send_whole(send: Send, headers: bytes, body: bytes) -> bool:
    """Send a whole answer with status 200, without uvicorn's look at each header.

    That look costs as much as a validation. False, and nothing was sent, where the usual way has
    more to do: under another server, for a client that left or is slow to read, and where the
    connection ends with this answer.
    """
    cycle = getattr(send, "__self__", None)
    if (
        not isinstance(cycle, RequestResponseCycle)
        or cycle.disconnected
        or cycle.flow.write_paused
        or not cycle.keep_alive
    ):
        return False
    own = _SERVER_HEADERS.spelled(cycle.default_headers)
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"HTTP/1.1 200 OK\r\n%b%b\r\n%b" % (own, headers, body))
    cycle.message_event.set()
    cycle.on_response()
    return True
