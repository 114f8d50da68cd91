"""A connection without a network: what the server's protocol writes, and pieces put into it."""

import asyncio
from typing import Any, Final

import uvicorn
from uvicorn.server import ServerState

from keysat_http.connections import BoundedProtocol
from keysat_http.limits import KEEP_ALIVE_SECONDS

PEER: Final = ("127.0.0.1", 40_000)
OWN: Final = ("127.0.0.1", 8_080)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": PEER, "sockname": OWN})
        self.written = b""
        self.is_ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.is_ended

    def close(self) -> None:
        self.is_ended = True

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """Nothing comes by itself."""


def bounded_protocol(app: Any) -> BoundedProtocol:
    """Make the protocol of one connection. Ask for it inside a loop."""
    config = uvicorn.Config(app, timeout_keep_alive=KEEP_ALIVE_SECONDS, log_config=None)
    config.load()
    return BoundedProtocol(config=config, server_state=ServerState(), app_state={})


def connected(app: Any) -> tuple[BoundedProtocol, Wire]:
    """Make a connection whose pieces are given to ``data_received``."""
    protocol, wire = bounded_protocol(app), Wire()
    protocol.connection_made(wire)
    return protocol, wire
