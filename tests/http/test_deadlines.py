"""A connection may not be silent for ever; seen on a loop whose clock jumps over the waiting."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from keysat_http.limits import KEEP_ALIVE_SECONDS, REQUEST_SECONDS
from tests.support.wire import bounded_protocol

HEAD: Final = b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"
FAST: Final = HEAD.replace(b"/slow", b"/fast")
EARLY: Final = HEAD.replace(b"/slow", b"/early")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: where nobody has anything to say, the time is over at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        # Loopback delivers what was sent before, so there is something to wait for only in theory.
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer once the body is there; ``/slow`` takes longer than a client may over sending it."""
    if scope["path"] != "/early":
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
        server = await loop.create_server(lambda: bounded_protocol(app), "127.0.0.1")
        async with server:
            began_at = loop.time()
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            sending = asyncio.ensure_future(sends((reader, writer)))
            async with asyncio.timeout(20 * REQUEST_SECONDS):
                received = await reader.read()
            lived = loop.time() - began_at
            sending.cancel()
            writer.close()
        return lived, received

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
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
    assert REQUEST_SECONDS - 1 < lived < REQUEST_SECONDS + 2
    assert received == b""


async def blank_lines_after_an_answer(streams: Streams) -> None:
    """Stop the timer of an idle connection with what is no request."""
    streams[1].write(FAST + b"{}")
    while True:
        await asyncio.sleep(KEEP_ALIVE_SECONDS - 2)
        streams[1].write(b"\r\n")


async def a_body_after_its_answer(streams: Streams) -> None:
    """Stop it with the rest of a request that did not wait for it."""
    streams[1].write(EARLY)
    await asyncio.sleep(KEEP_ALIVE_SECONDS - 2)
    streams[1].write(b"{")
    await asyncio.sleep(1)
    streams[1].write(b"}")


@pytest.mark.parametrize("sends", [blank_lines_after_an_answer, a_body_after_its_answer])
def test_what_is_no_request_keeps_no_connection_open(
    sends: Callable[[Streams], Awaitable[None]],
) -> None:
    lived, received = lived_for(sends)
    assert received.count(b"done") == 1
    assert lived < REQUEST_SECONDS + 2 * KEEP_ALIVE_SECONDS


def test_an_idle_connection_is_closed() -> None:
    async def a_request(streams: Streams) -> None:
        streams[1].write(FAST + b"{}")

    lived, received = lived_for(a_request)
    assert received.count(b"done") == 1
    assert KEEP_ALIVE_SECONDS - 1 < lived < KEEP_ALIVE_SECONDS + 2


def test_a_request_that_came_in_time_is_answered_however_long_it_takes() -> None:
    async def a_request(streams: Streams) -> None:
        streams[1].write(HEAD)
        await asyncio.sleep(REQUEST_SECONDS / 2)
        streams[1].write(b"{}")
        await asyncio.sleep(1)
        streams[1].write(b"\r\n")

    lived, received = lived_for(a_request)
    assert received.endswith(b"\r\n\r\n4\r\ndone\r\n0\r\n\r\n")
    assert lived >= 2 * REQUEST_SECONDS


@pytest.mark.parametrize("is_ended", [True, False])
def test_an_answer_under_way_is_not_cut_by_what_was_begun_behind_it(*, is_ended: bool) -> None:
    async def one_and_a_half(streams: Streams) -> None:
        streams[1].write(HEAD + b"{}" + FAST[:-6])
        if is_ended:
            streams[1].write_eof()

    lived, received = lived_for(one_and_a_half)
    assert received.count(b"done") == 1
    assert lived >= 2 * REQUEST_SECONDS


def test_each_request_has_its_own_time() -> None:
    async def always_in_the_middle_of_one(streams: Streams) -> None:
        streams[1].write(FAST)
        for _ in range(10):
            await asyncio.sleep(REQUEST_SECONDS / 4)
            streams[1].write(b"{}" + FAST)

    lived, received = lived_for(always_in_the_middle_of_one)
    assert received.count(b"done") == 10
    assert lived > 3 * REQUEST_SECONDS
