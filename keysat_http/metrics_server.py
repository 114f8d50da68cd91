"""A small server for the metrics alone, which nobody can make grow.

It is not the server of the API, so that it still answers when that one's event loop is stuck. It
asks for no credential; whoever reaches it can keep it busy, and nothing else.
"""

import socket
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from keysat_http.limits import METRICS_CONNECTIONS_MAX

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_PATH: Final = "/metrics"

_Request: TypeAlias = socket.socket | tuple[bytes, socket.socket]
_Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]


class MetricsServer(ThreadingMixIn, WSGIServer):
    """Answers ``GET /metrics`` with a text, a few connections at a time."""

    daemon_threads = True

    def __init__(
        self,
        host: str,
        port: int,
        *,
        text: Callable[[], bytes],
        media_type: str,
        idle_seconds: float,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._host = host
        self._text = text
        self._media_type = media_type
        self._free = BoundedSemaphore(METRICS_CONNECTIONS_MAX)

        class Handler(_Handler):
            timeout: ClassVar[float | None] = idle_seconds

        super().__init__((host, port), Handler)
        self.set_app(self._answer)

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self._host, self.socket.getsockname()[1]
        self.setup_environ()

    def process_request(self, request: _Request, client_address: _Address) -> None:
        """Start a thread for a connection, or close it at once if there are enough of them."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: _Request, client_address: _Address) -> None:
        """Serve a connection, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: _Request, client_address: _Address) -> None:
        """Say nothing: a connection was cut or stayed silent, as whoever reaches it may do."""

    def _answer(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        status, body, media_type = HTTPStatus.OK, b"", self._media_type
        if environ.get("PATH_INFO") != _PATH:
            status, media_type = HTTPStatus.NOT_FOUND, "text/plain"
        elif environ.get("REQUEST_METHOD") != "GET":
            status, media_type = HTTPStatus.METHOD_NOT_ALLOWED, "text/plain"
        else:
            body = self._text()
        headers = [("Content-Type", media_type), ("Content-Length", str(len(body)))]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", "GET"))
        start(f"{status.value} {status.phrase}", headers)
        return [body]


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the parent's name
        """Say nothing: scrapes are many and all alike."""
