"""The server's connections: answers of one turn leave together, and what clients send is bounded.

uvloop sends each part of an answer at once, head and body apart, and every send may wake the process
at the other end; under load that costs more than the answers themselves. Here what is written waits
until the tasks that are ready now have run, a fraction of a millisecond, and then leaves in one
piece per connection.
"""

import asyncio
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from keysat_http.arrivals import ARRIVALS
from keysat_http.limits import (
    CHUNK_BYTES,
    HEAD_BYTES_MAX,
    PIPELINED_MAX,
    REQUEST_SECONDS,
    WAITING_BYTES_MAX,
)


class _Turn:
    """The connections of one loop that wrote in this turn of it."""

    def __init__(self) -> None:
        self._waiting: list[_Transport] = []

    def add(self, transport: "_Transport") -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._end)
        self._waiting.append(transport)

    def _end(self) -> None:
        waiting, self._waiting = iter(self._waiting), []
        try:
            for transport in waiting:
                transport.flush()
        finally:
            # One connection that fails must not hold up the others.
            for transport in waiting:
                self.add(transport)


class _Transport:
    """A connection's transport; what is not about writing is the inner one's business."""

    __slots__ = ("_inner", "_parts", "_size", "_turn")

    def __init__(self, inner: asyncio.Transport, turn: _Turn) -> None:
        self._inner = inner
        self._turn = turn
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Send data at the end of the turn, or now if much is waiting."""
        if not self._parts:
            self._turn.add(self)
        self._parts.append(data)
        self._size += len(data)
        if self._size > WAITING_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Send what waits, unless the connection went away meanwhile."""
        parts, self._parts = self._parts, []
        self._size = 0
        if parts and not self._inner.is_closing():
            self._inner.write(b"".join(parts))

    def is_closing(self) -> bool:
        """Tell whether the connection is closed or about to be."""
        return self._inner.is_closing()

    def close(self) -> None:
        """Send what waits, then close."""
        self.flush()
        self._inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


_HEAD_TOO_LARGE: Final = "the head of the request is too large"


class Refusal(Exception):
    """What was sent goes beyond a limit; uvicorn answers 400 and closes the connection."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over such a transport, with limits to what a client may keep waiting."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.headers = []
        self._is_refused = False
        self._is_partial = True
        self._deadline: asyncio.TimerHandle | None = None
        self._last_whole: RequestResponseCycle | None = None
        # Of the request that comes now: how much of its head, or of what is round its body, was
        # counted. Of the newest piece: its size, what of it is no body, whether a head began in it.
        self._head_bytes = 0
        self._piece_bytes = 0
        self._rest_bytes = 0
        self._has_begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        turn = _turns.get(self.loop)
        if turn is None:
            turn = _turns[self.loop] = _Turn()
        super().connection_made(cast(asyncio.Transport, _Transport(transport, turn)))
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._is_partial = False
        self._watch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what a client sent."""
        if self._is_refused:
            return
        ARRIVALS.count += 1
        self._piece_bytes = self._rest_bytes = len(data)
        self._has_begun = False
        super().data_received(data)
        if self._is_partial:
            self._limit_partial()
        elif not self._has_begun:
            # Blank lines, or the rest of a request that was answered early: the idle connection's
            # timer was stopped for them, so a request must come of it in time.
            self._is_partial = self._is_idle()
        if self._is_partial or self._deadline is not None:
            self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Send what waits, and what is still being worked out, to a client that will send no more.

        True keeps the connection open, until the last answer is sent.
        """
        cast(_Transport, self.transport).flush()
        super().eof_received()
        return self._ends_with_answer()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, after the answers to what was asked before it.

        What still comes is thrown away: to go on reading it would take memory without end.
        """
        self._is_refused = True
        if not self._ends_with_answer():
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_partial = self._has_begun = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End the head of a request."""
        # Most heads lie in one small piece and need no measuring.
        is_small = self._has_begun and self._piece_bytes <= HEAD_BYTES_MAX
        if not is_small and len(self.url) + _size(self.headers) > HEAD_BYTES_MAX:
            raise Refusal(_HEAD_TOO_LARGE)
        if len(self.pipeline) >= PIPELINED_MAX:
            raise Refusal("too many requests at once on one connection")
        super().on_headers_complete()
        # Trailers come as headers too, and nobody may believe them: they name no client.
        self.headers = []

    def on_chunk_header(self) -> None:
        """Begin a part of a body that comes in parts."""
        self._rest_bytes -= CHUNK_BYTES

    def on_body(self, body: bytes) -> None:
        """Take a part of a request's body."""
        self._rest_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._is_partial = False
        self._last_whole = self.cycle
        if self._deadline is not None:
            self._watch()
        super().on_message_complete()

    def _is_idle(self) -> bool:
        return self._last_whole is None or self._last_whole.response_complete

    def _ends_with_answer(self) -> bool:
        """Let the connection end with the last answer under way, if there is one.

        What came of a request behind it is forgotten.
        """
        last = self._last_whole
        if last is None or last.response_complete:
            return False
        if self.pipeline and self.cycle is not last:
            self.pipeline.popleft()
            self.cycle = last
        last.keep_alive = False
        self._is_partial = False
        self._watch()
        return True

    def _limit_partial(self) -> None:
        """Refuse a request whose head, or what is round its body, is too large before it is whole.

        Of a piece in which the head began only whole headers are known. Later ones count as they
        are, less the body, because a single endless header shows nowhere else.
        """
        if self._has_begun:
            self._head_bytes = len(self.url) + _size(self.headers)
        else:
            self._head_bytes = max(0, self._head_bytes + self._rest_bytes)
        if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response(_HEAD_TOO_LARGE)

    def _watch(self) -> None:
        """Give a request that is not whole yet its time, and one that is its peace."""
        if self._is_partial:
            if self._deadline is None:
                self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)
        elif self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """End a connection whose request did not become whole, but no answer under way."""
        self._deadline = None
        if self._is_idle():
            self.transport.close()
        else:
            self._watch()


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    """Give the bytes of headers as they are usually sent, with a colon, a blank and a line break."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


_turns: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Turn]] = WeakKeyDictionary()
