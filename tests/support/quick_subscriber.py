"""A subscriber that takes everything at once: ``python -m tests.support.quick_subscriber``.

It prints its port, and at the end of its input how many requests it answered. It reads as little of
HTTP as is needed, so that a benchmark measures the other side.
"""

import asyncio
import sys
from asyncio import Protocol, Transport
from typing import Final, cast

ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Answering(Protocol):
    """One connection, whose requests come one after the other."""

    count = 0

    def __init__(self) -> None:
        self._seen = b""
        self._transport: Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, mark, body = self._seen.partition(b"\r\n\r\n")
        if not mark:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length and self._transport is not None:
            self._seen = body[length:]
            Answering.count += 1
            self._transport.write(ANSWER)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    sys.stdout.write(f"{Answering.count}\n")


if __name__ == "__main__":
    asyncio.run(main())
