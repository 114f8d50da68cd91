"""An answer sent in one piece is the answer uvicorn would have sent, or is left to uvicorn."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from keysat_http.outgoing import send_whole, spell_headers
from tests.support.wire import Wire

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]
DEFAULTS = [(b"date", b"Thu, 26 Nov 2026 12:00:00 GMT")]


def cycle_on(wire: Wire, completed: list[str]) -> RequestResponseCycle:
    scope: Any = {"type": "http", "method": "POST", "path": "/", "http_version": "1.1"}
    return RequestResponseCycle(
        scope=scope,
        transport=wire,
        flow=FlowControl(wire),
        logger=logging.getLogger("nobody"),
        access_logger=logging.getLogger("nobody"),
        access_log=False,
        default_headers=list(DEFAULTS),
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=lambda: completed.append("done"),
    )


def sender_of(cycle: RequestResponseCycle) -> Any:
    """Give what an application is given to send by."""
    return cycle.send


def test_it_is_what_uvicorn_would_have_sent() -> None:
    async def run() -> None:
        usual, whole = Wire(), Wire()
        done: list[str] = []
        cycle = cycle_on(usual, done)
        start: Any = {"type": "http.response.start", "status": 200, "headers": HEADERS}
        await cycle.send(start)
        await cycle.send({"type": "http.response.body", "body": b"{}", "more_body": False})
        other = cycle_on(whole, done)
        assert send_whole(sender_of(other), spell_headers(HEADERS), b"{}")
        assert whole.written == usual.written
        assert done == ["done", "done"]
        for attribute in ("response_started", "response_complete", "keep_alive"):
            assert getattr(other, attribute) == getattr(cycle, attribute), attribute
        assert other.message_event.is_set()

    asyncio.run(run())


def test_headers_of_the_server_are_those_of_now() -> None:
    async def run() -> None:
        wire = Wire()
        for hour in (b"12", b"13"):
            cycle = cycle_on(wire, [])
            cycle.default_headers = [(b"date", hour)]
            assert send_whole(sender_of(cycle), b"", b"")
        assert wire.written.count(b"date: 12\r\n") == wire.written.count(b"date: 13\r\n") == 1

    asyncio.run(run())


@pytest.mark.parametrize("reason", ["left", "slow", "ends", "another server"])
def test_what_is_out_of_the_ordinary_is_left_to_uvicorn(reason: str) -> None:
    async def run() -> None:
        wire = Wire()
        cycle = cycle_on(wire, [])
        cycle.disconnected = reason == "left"
        cycle.keep_alive = reason != "ends"
        if reason == "slow":
            cycle.flow.pause_writing()

        async def another(message: Any) -> None:
            """Send as some other server does."""

        send: Any = another if reason == "another server" else sender_of(cycle)
        assert not send_whole(send, b"", b"{}")
        assert wire.written == b""
        assert not cycle.response_complete

    asyncio.run(run())
