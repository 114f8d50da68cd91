"""A connection may not be silent for ever; seen on a loop whose clock runs a hundred times as fast."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
import uvicorn
from uvicorn.server import ServerState

from keysat_http.connections import BoundedProtocol
from keysat_http.limits import KEEP_ALIVE_SECONDS, REQUEST_SECONDS

HASTE: Final = 100
HEAD: Final = b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HastySelector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout and timeout / HASTE)


class HastyLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(HastySelector())

    def time(self) -> float:
        return super().time() * HASTE


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer once the body is there; ``/slow`` takes longer than a client may over sending it."""
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * REQUEST_SECONDS)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def lived_for(sends: Callable[[Streams], Awaitable[None]]) -> tuple[float, bytes]:
    """Give how many seconds a connection lived, by its loop's clock, and what it was sent."""

    async def run() -> tuple[float, bytes]:
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(app, timeout_keep_alive=KEEP_ALIVE_SECONDS, log_config=None)
        config.load()
        state = ServerState()
        server = await loop.create_server(
            lambda: BoundedProtocol(config=config, server_state=state, app_state={}), "127.0.0.1"
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            began_at = loop.time()
            sending = asyncio.ensure_future(sends((reader, writer)))
            async with asyncio.timeout(20 * REQUEST_SECONDS):
                received = await reader.read()
            lived = loop.time() - began_at
            sending.cancel()
            writer.close()
        return lived, received

    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        return runner.run(run())


async def nothing(_: Streams) -> None:
    """Connect and be silent."""


async def half_a_head(streams: Streams) -> None:
    streams[1].write(HEAD[:20])


async def half_a_body(streams: Streams) -> None:
    streams[1].write(HEAD + b"{")


async def a_byte_a_second(streams: Streams) -> None:
    """Never be silent and never come to an end."""
    for byte in HEAD * 10:
        streams[1].write(bytes([byte]))
        await asyncio.sleep(1)


@pytest.mark.parametrize("sends", [nothing, half_a_head, half_a_body, a_byte_a_second])
def test_a_request_that_is_not_whole_in_time_ends_its_connection(
    sends: Callable[[Streams], Awaitable[None]],
) -> None:
    lived, received = lived_for(sends)
    assert REQUEST_SECONDS - 1 < lived < REQUEST_SECONDS + 20
    assert received == b""


async def blank_lines_after_an_answer(streams: Streams) -> None:
    """Stop the timer of an idle connection with what is no request."""
    writer = streams[1]
    writer.write(HEAD.replace(b"/slow", b"/fast") + b"{}")
    while True:
        await asyncio.sleep(KEEP_ALIVE_SECONDS - 2)
        writer.write(b"\r\n")


def test_blank_lines_keep_no_connection_open() -> None:
    lived, received = lived_for(blank_lines_after_an_answer)
    assert received.count(b"done") == 1
    assert lived < REQUEST_SECONDS + 30


def test_an_idle_connection_is_closed() -> None:
    async def a_request(streams: Streams) -> None:
        streams[1].write(HEAD.replace(b"/slow", b"/fast") + b"{}")

    lived, received = lived_for(a_request)
    assert received.count(b"done") == 1
    assert KEEP_ALIVE_SECONDS - 1 < lived < KEEP_ALIVE_SECONDS + 20


def test_a_request_that_came_in_time_is_answered_however_long_it_takes() -> None:
    async def a_request(streams: Streams) -> None:
        streams[1].write(HEAD)
        await asyncio.sleep(REQUEST_SECONDS / 2)
        streams[1].write(b"{}")
        await asyncio.sleep(1)
        streams[1].write(b"\r\n")

    lived, received = lived_for(a_request)
    assert received.endswith(b"\r\n\r\n4\r\ndone\r\n0\r\n\r\n")
    assert lived > 2 * REQUEST_SECONDS
