"""The server's connections: answers of one turn of the event loop leave together.

uvloop sends each part of an answer at once, head and body apart, and every send may wake the process
at the other end; under load that costs more than the answers themselves. Here what is written waits
until the tasks that are ready now have run, a fraction of a millisecond, and then leaves in one
piece per connection.
"""

import asyncio
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

WAITING_BYTES_MAX: Final = 65_536
"""What one connection may keep waiting; a longer answer is sent as it is written."""


class _Turn:
    """The connections of one loop that wrote in this turn of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Weak, because the loop is what this is remembered by.
        self._call_soon = loop.call_soon
        self._waiting: list[_Transport] = []

    def add(self, transport: "_Transport") -> None:
        if not self._waiting:
            self._call_soon(self._end)
        self._waiting.append(transport)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.flush()


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


class BatchingProtocol(HttpToolsProtocol):
    """uvicorn's protocol over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        turn = _turns.get(self.loop)
        if turn is None:
            turn = _turns[self.loop] = _Turn(self.loop)
        super().connection_made(cast(asyncio.Transport, _Transport(transport, turn)))


_turns: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Turn]] = WeakKeyDictionary()
