"""A server that sends its answer one byte at a time, for as long as anybody listens."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n"


@contextmanager
def dribbling(*, pause_seconds: float = 0.05) -> Iterator[str]:
    """Serve on 127.0.0.1 while the block runs and give the base URL."""
    stopping = Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def dribble(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(HEAD)
            while not stopping.wait(pause_seconds):
                connection.sendall(b" ")

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                Thread(target=dribble, args=(connection,), daemon=True).start()

    Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopping.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
