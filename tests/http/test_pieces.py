"""What a connection makes of the pieces a client sends, however they are cut."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import pytest

from keysat_core.limits import BODY_BYTES_MAX
from keysat_http.limits import HEAD_BYTES_MAX
from tests.support.wire import connected

GET: Final = b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED: Final = b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
SOME: Final = 5_000
"""Bytes a piece may be larger than what is left of a limit."""


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the headers there were, and the size of the body; ``/early`` does not wait for it."""
    size = 0
    if scope["path"] != "/early":
        message = await receive()
        size += len(message["body"])
        while message.get("more_body"):
            message = await receive()
            size += len(message["body"])
    if scope["path"] == "/wait":
        await asyncio.sleep(0.02)
    names = b",".join(sorted(name for name, _ in scope["headers"]))
    body = b"<%s %d %s>" % (scope["path"].encode(), size, names)
    length = str(len(body)).encode()
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def answers_to(pieces: Iterable[bytes], *, ends: bool = False) -> tuple[bytes, bool, int]:
    """Give what is written to pieces, whether the connection ended, and the bytes it took before."""

    async def run() -> tuple[bytes, bool, int]:
        protocol, wire = connected(app)
        taken = 0
        for piece in pieces:
            if wire.is_ended:
                break
            protocol.data_received(piece)
            taken += len(piece)
            await asyncio.sleep(0)
        if ends and not wire.is_ended and not protocol.eof_received():
            wire.close()
        for _ in range(20):
            await asyncio.sleep(0.005)
        is_ended = wire.is_ended
        protocol.connection_lost(None)
        await asyncio.sleep(0)
        return wire.written, is_ended, taken

    return asyncio.run(run())


ENDLESS: Final = {
    "one header": (b"GET / HTTP/1.1\r\nx-first: ", b"f" * 1_000),
    "headers": (b"GET / HTTP/1.1\r\n", b"x-filler: %s\r\n" % (b"f" * 1_000)),
    "tiny headers": (b"GET / HTTP/1.1\r\n", b"a:\r\n" * 1_000),
    "trailers": (CHUNKED + b"\r\n2\r\n{}\r\n0\r\n", b"a:b\r\n" * 1_000),
    "one trailer": (CHUNKED + b"\r\n2\r\n{}\r\n0\r\nx-last: ", b"f" * 1_000),
    "an extension": (CHUNKED + b"\r\n2;x=", b"f" * 1_000),
    "a body with extensions": (CHUNKED + b"\r\n", b"1;x=%s\r\n{\r\n" % (b"f" * 1_000)),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_refused_at_its_limit(name: str) -> None:
    begun, goes_on = ENDLESS[name]
    written, is_ended, taken = answers_to([begun, *[goes_on] * 1_000])
    assert written.startswith(b"HTTP/1.1 400")
    assert is_ended
    assert taken < HEAD_BYTES_MAX + 2 * SOME


def test_what_follows_a_refusal_is_thrown_away_while_an_answer_is_under_way() -> None:
    async def run() -> tuple[bytes, int]:
        protocol, wire = connected(app)
        protocol.data_received(GET + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n")
        await asyncio.sleep(0)
        for _ in range(100):
            protocol.data_received(b"a:b\r\n" * 1_000)
        kept = len(protocol.headers)
        await asyncio.sleep(0.1)
        protocol.connection_lost(None)
        return wire.written, kept

    written, kept = asyncio.run(run())
    assert written.count(b"</wait 0 host>") == written.count(b"HTTP/1.1") == 1
    assert kept * len(b"a:b\r\n") < HEAD_BYTES_MAX + SOME


@pytest.mark.parametrize("size", [100, 256, 8_192])
def test_a_chunked_body_may_come_in_any_pieces(size: int) -> None:
    data = b"d" * size
    framed = [b"%x\r\n" % size, data, b"\r\n"]
    count = BODY_BYTES_MAX // size
    for chunk in (framed, [b"".join(framed)]):
        written, _, _ = answers_to([CHUNKED + b"\r\n", *chunk * count, b"0\r\n", b"\r\n"])
        assert b"</echo %d " % (count * size) in written


def test_a_trailer_is_no_header() -> None:
    trailers = b"2\r\n{}\r\n0\r\nx-forwarded-for: 198.51.100.66\r\n\r\n"
    written, _, _ = answers_to([CHUNKED + b"\r\n", trailers])
    assert b"</echo 2 host,transfer-encoding>" in written


def test_blank_lines_may_come_before_a_request() -> None:
    written, _, _ = answers_to([b"\r\n", b"\r\n", b"\r\n" + GET])
    assert b"</wait 0 host>" in written


@pytest.mark.parametrize("behind", [b"garbage\r\n\r\n", b"GET /", CHUNKED + b"\r\nz"])
@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("whole", [1, 3])
def test_what_comes_behind_a_request_takes_no_answer_along(
    *, whole: int, behind: bytes, ends: bool
) -> None:
    written, is_ended, _ = answers_to([GET * whole + behind], ends=ends)
    assert written.count(b"</wait 0 host>") == whole
    assert written.count(b"HTTP/1.1") == whole
    assert is_ended is (ends or behind != b"GET /")


def test_what_cannot_be_read_is_refused() -> None:
    written, is_ended, _ = answers_to([b"garbage\r\n\r\n"])
    assert written.startswith(b"HTTP/1.1 400")
    assert is_ended


def test_the_rest_of_a_request_that_was_answered_early_is_taken() -> None:
    early = b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n"
    written, is_ended, _ = answers_to([early, b"{", b"  }", GET])
    assert b"</early 0 " in written
    assert b"</wait 0 host>" in written
    assert not is_ended
